"""Seeded generators of sample files: nothing in them is real, everything is shaped like the real thing."""
