"""A room in memory, with its two faces: the agent's and the caller's."""
