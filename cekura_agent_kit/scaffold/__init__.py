"""Files of `cekura-kit init`, for a new repo and for one with an agent. Agents are read, never imported."""
