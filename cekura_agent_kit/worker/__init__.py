"""A worker made for tests."""
