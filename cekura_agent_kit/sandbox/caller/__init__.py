"""Callers that a language model plays, and models that judge the outcome."""
