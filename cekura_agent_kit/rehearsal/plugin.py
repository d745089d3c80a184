"""The pytest plugin. It is loaded with every pytest run, so it imports nothing until it is used."""
