"""The agent's side, in the worker's job process."""
