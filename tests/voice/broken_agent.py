"""The example's agent, broken on purpose: it never finds a table free."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples/restaurant"))

import agent  # type: ignore[import-not-found]
from livekit.agents import cli

agent.SEATS = 0

if __name__ == "__main__":
    cli.run_app(agent.server)
