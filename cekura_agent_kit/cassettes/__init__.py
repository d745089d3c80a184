"""Recorded answers of an agent's model: the file, and the match of a request with what was recorded."""
