"""Seeded generators of sample files: nothing in them is real, everything is shaped like the real thing."""

from footprints.samples.demo import Expect, Sample, write_demo
from footprints.samples.incidents import benchmark_csv, small_csv
from footprints.samples.survey import mali_snapshot
from footprints.samples.xlsform import write_xlsform

__all__ = ["Expect", "Sample", "benchmark_csv", "mali_snapshot", "small_csv", "write_demo", "write_xlsform"]
