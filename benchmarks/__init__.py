"""Benchmarks, which run from a checkout on Linux; docs/performance.md says what they measure."""

import sys

if sys.platform != "linux":
    sys.exit("error: the benchmarks pin processes and read their clocks as only Linux lets them")
