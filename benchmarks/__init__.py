"""Benchmarks, which run from a checkout; docs/performance.md says what they measure."""
