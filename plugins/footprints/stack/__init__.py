"""The embedded stack: real servers from wheels, on loopback, with all state in one directory.

`lifecycle.up()` starts Postgres, SeaweedFS and Airflow's four processes; `lifecycle.down()` stops every one of them.
The modules `postgres` and `seaweedfs` also start the throw-away servers of the tests.
"""
