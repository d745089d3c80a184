"""`cekura-kit init DIR`: a small, complete agent repo to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import say

_PLACEHOLDER = "my-agent"
_SCHEMA = "cekura.schema.json"
_IGNORED = frozenset({"__pycache__", ".venv", "reports", ".pytest_cache"})


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to; created if it does not exist.")],
) -> None:
    """Write a small agent repo: agent, suite, scenarios, tests and a CI workflow. No file is overwritten."""
    import re

    from ..errors import KitError

    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or _PLACEHOLDER
    files = {path: text.replace(_PLACEHOLDER, name) for path, text in _template().items()}
    files[Path(_SCHEMA)] = _suite_schema()
    kept = []
    try:
        for path, text in sorted(files.items()):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with target.open("x", encoding="utf-8") as new:
                    new.write(text)
            except FileExistsError:
                kept.append(path)
            else:
                say(f"  wrote {target}")
    except OSError as error:
        raise KitError(f"{error.filename}: {error.strerror}", hint="give a folder that can be written to") from None
    for path in kept:
        say(f"  kept  {folder / path}, which already exists")
    say(
        f"\nNext:\n"
        f"  cd {folder}\n"
        f"  make demo    run the scenarios against this agent, on this machine: no key, no cloud\n"
        f"  make test    test the agent in pytest\n"
        f"Then put your keys into .env (see .env.example) and your scenario ids into cekura.yaml.\n"
        f"`cekura-kit doctor` lists what is still missing, before anything costs money."
    )


def _template() -> dict[Path, str]:
    """Return the template's files by relative path, from inside the wheel or from beside the package in a checkout."""
    package = Path(__file__).parent.parent
    root = next(each for each in (package / "agent_template", package.parent / "agent_template") if each.is_dir())
    return {
        path.relative_to(root): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file() and _IGNORED.isdisjoint(path.relative_to(root).parts)
    }


def _suite_schema() -> str:
    """Return the JSON Schema by which editors complete and check `cekura.yaml`."""
    import json

    from ..trigger.suite import Suite

    return json.dumps(Suite.model_json_schema(), indent=2) + "\n"
