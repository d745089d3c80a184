"""The stand-in for the models: OpenAI's API, answered by rules."""
