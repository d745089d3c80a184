"""The stand-in for Cekura's API, and its evaluator."""
