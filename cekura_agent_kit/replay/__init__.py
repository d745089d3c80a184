"""Replay of a run's conversation on this machine, and its regression test."""
