"""Checks of deliveries: suites in Great Expectations' own JSON, run by GX itself or, for large deliveries, as masks."""
