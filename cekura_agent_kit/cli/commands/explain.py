"""`cekura-kit explain [KIND]`: what a kind of error or an outcome means, what it costs, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console import say

if TYPE_CHECKING:
    from ...report.explanations import Explanation


def explain(
    word: Annotated[
        str, typer.Argument(metavar="[KIND]", help="Kind of an errored run, or an outcome. Default: list them.")
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the explanation as JSON; - prints it.")
    ] = None,
) -> None:
    """Explain a kind of error, or an outcome: the part at fault, what was billed, and what to do.

    Works offline. The same text is docs/kinds.md.
    """
    from ...report.explanations import as_json, explanation_of, words
    from ..outputs import check_writable, is_stdout, write_json

    check_writable({"json": json_file})
    wanted = [word] if word else list(words())
    found = {each: _required(each, explanation_of(each)) for each in wanted}
    for each, explanation in found.items():
        text = _whole(each, explanation) if word else f"{each:<20}  {explanation.meaning}"
        say(text, err=is_stdout(json_file))
    if json_file is not None:
        listed = [as_json(each, explanation) for each, explanation in found.items()]
        write_json(listed[0] if word else {"version": 1, "words": listed}, json_file)


def _required(word: str, explanation: Explanation | None) -> Explanation:
    from difflib import get_close_matches

    from ...errors import KitError
    from ...report.explanations import words

    if explanation is None:
        near = get_close_matches(word.lower().replace("-", "_"), list(words()), n=1)
        raise KitError(
            f"{word!r} is not a kind of error, nor an outcome",
            hint=f"run `cekura-kit explain{' ' + near[0] if near else ''}`"
            + (", or without a word for the list" * bool(near)),
        )
    return explanation


def _whole(word: str, explanation: Explanation) -> str:
    lines = [f"{word}: {explanation.meaning}", "", f"  at fault  {explanation.fault}"]
    lines += [f"  billed    {explanation.billed}", "", "What to do:"]
    lines += [f"  {number}. {step}" for number, step in enumerate(explanation.steps, start=1)]
    if explanation.pages:
        lines += ["", "Read on: " + ", ".join(f"docs/{page}" for page in explanation.pages)]
    return "\n".join(lines)
