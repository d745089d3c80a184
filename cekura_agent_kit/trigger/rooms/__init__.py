"""LiveKit rooms: server API, one room and its participants, the conversation, its transcript."""
