"""The suite's worker: its process, its log, and what each says."""
