"""`python -m bench …`: `bench.command` under a guard. Its servers, workers and commands end when it ends, anyhow."""

from __future__ import annotations

import sys

from cekura_agent_kit.cli import signals
from cekura_agent_kit.cli.stdio import protect


def main() -> int:
    """Return the exit code of the benchmarks; after a signal, exit with the signal's."""
    protect()
    signals.install()
    return signals.run(signals.guarded([sys.executable, "-m", "bench.command", *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
