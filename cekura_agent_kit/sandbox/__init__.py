"""Everything that is hosted, on this machine: no key, no cloud."""
