"""LiveKit rooms: the service, one room, who is in it, what is said in it."""
