"""Tests of the pure parts of the benchmarks, which CI does not otherwise run."""
