"""Channels that the evaluator talks over, in text and in voice."""
