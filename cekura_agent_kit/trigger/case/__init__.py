"""One run of a suite, from its room to its verdict."""
