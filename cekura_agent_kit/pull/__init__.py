"""Scenarios of Cekura in a scenario file: `cekura-kit pull`."""
