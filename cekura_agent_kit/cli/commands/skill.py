"""`cekura-kit skill [FILE]`: write a skill file, by which a coding agent knows how to use the kit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from ..console import say, say_own

DEFAULT_FILE: Final = Path(".claude/skills/cekura-kit/SKILL.md")
_MARK: Final = "<!-- Written by `cekura-kit skill`; it writes this file anew. -->\n"


def skill(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="File to write; - prints it.")] = DEFAULT_FILE,
) -> None:
    """Write a skill file for coding agents: wrapping, scenarios, doubles, reports, and what must be asked first.

    The default is where Claude Code looks for it. Other agents read a file of the same form elsewhere. A file that
    this command did not write is not replaced.
    """
    from ...errors import KitError
    from ..outputs import is_stdout

    if is_stdout(file):
        say_own(skill_text())
        return
    if file.is_dir():
        file /= DEFAULT_FILE.name
    try:
        if file.exists() and _MARK not in file.read_text(encoding="utf-8", errors="replace"):
            raise KitError(
                f"{file}: exists, and was not written by this command", hint="give another FILE, or delete it"
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(skill_text(), encoding="utf-8")
    except OSError as error:
        raise KitError(f"{file}: cannot be written ({error.strerror})", hint="give another FILE") from None
    say(f"wrote {file}")


def skill_text() -> str:
    """Return the text of the skill file."""
    text = (Path(__file__).parent / "skill.md").read_text(encoding="utf-8")
    # Front matter must be the first thing in the file.
    front, _, body = text.partition("\n---\n")
    return f"{front}\n---\n\n{_MARK}{body}"
