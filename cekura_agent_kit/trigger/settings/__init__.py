"""Keys, addresses and the environment that they come from."""
