"""The trigger's side, in the repo or in CI."""
