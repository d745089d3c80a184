"""The real entrypoint in a room in memory."""
