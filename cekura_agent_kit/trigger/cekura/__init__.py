"""Cekura's HTTP API: requests, answers, starts, reads."""
