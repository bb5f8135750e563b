"""The thin layer between Airflow and the library: assets, and the trigger that watches the landing bucket."""
