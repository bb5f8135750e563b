"""The Postgres warehouse: connections, migrations, reference data, loading and checksums."""
