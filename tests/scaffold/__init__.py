"""Agents as teams write them, and what `cekura-kit init` makes of their repos."""
