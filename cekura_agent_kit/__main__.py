"""``python -m cekura_agent_kit``: the command ``cekura-kit``, where no script folder is on the path."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
