"""The file of a cassette: YAML that a person reads, and whose changes a diff shows.

A talk is written once: an exchange that ``follows`` another has its talk, and more. Instructions and tools, which are
long and seldom change, stand at the top, by number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from ..errors import CassetteError
from ..whole_file import write_whole
from ..yaml_files import load, place
from ..yaml_loader import parse
from ..yaml_writer import Inline, InlineList, dump
from .exchange import Answer, Asked, Called, Exchange, Fault, Item, Role, Said, canonical
from .file_model import AnswerPart, CassetteFile, RecordedExchange, TalkItem

__tracebackhide__ = True

VERSION: Final = 1
_HEAD: Final = (
    "# Answers of the agent's model, recorded by cekura-kit. docs/cassettes.md of cekura-agent-kit says how to read,\n"
    "# edit and renew this file.\n"
)
_RENEW: Final = "fix the line, or record anew: delete the file and run pytest with --cekura-record=once"

_SHORT: Final = 60
"""Characters of a value in a mapping that is written on one line."""

V = TypeVar("V")


def is_cassette(path: Path) -> bool:
    """Return whether a file is a cassette, by its first key; False for a file that cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            first = next((line for line in file if line.strip() and not line.startswith("#")), "")
    except (OSError, UnicodeDecodeError):
        return False
    return first.startswith("cassette:")


def read(path: Path) -> tuple[str, list[Exchange]]:
    """Read a cassette.

    Returns:
        The agent with which it was recorded, and the exchanges.

    Raises:
        CassetteError: the file cannot be read, is of another version, was cut short, or was edited wrongly; with its
            line.
    """
    _check_version(path)
    try:
        file = load(path, CassetteFile, error=CassetteError)
    except CassetteError as error:
        raise CassetteError(str(error), hint=_RENEW) from None
    if file.recorded != len(file.exchanges):
        raise CassetteError(
            f"{place(path, 'recorded')}{file.recorded} exchanges were recorded, and the file has "
            f"{len(file.exchanges)}: it was cut short, or edited",
            hint="correct the number if the rest is right, or record anew with --cekura-record=all",
        )
    read: dict[int, Exchange] = {}
    for number, exchange in file.exchanges.items():
        read[number] = _exchange(path, file, number, exchange, read)
    return file.agent, list(read.values())


def write(path: Path, agent: str, exchanges: Sequence[Exchange]) -> None:
    """Write a cassette, in the place of an older one at once.

    Raises:
        CassetteError: it cannot be written.
    """
    text = _HEAD + dump(_content(agent, exchanges))
    try:
        write_whole(path, text)
    except OSError as fault:
        raise CassetteError(
            f"{path}: the cassette cannot be written ({fault.strerror})", hint="free the path, or name another file"
        ) from None


def _check_version(path: Path) -> None:
    """Check the version, and that the file is whole, before anything else of it is looked at."""
    try:
        _, value = parse(path.read_text(encoding="utf-8"))
    except Exception:  # noqa: BLE001 - `load` says in which line it is not YAML, or why it cannot be read
        return
    if not isinstance(value, dict) or "cassette" not in value:
        raise CassetteError(
            f"{path}: not a cassette: it does not begin with `cassette: {VERSION}`",
            hint="give a file that pytest has recorded with --cekura-record, or model rules by their path alone",
        )
    if value["cassette"] != VERSION:
        raise CassetteError(
            f"{path}: a cassette of version {value['cassette']}, and this cekura-kit reads version {VERSION}",
            hint="record anew with --cekura-record=all, or install the cekura-agent-kit that has recorded it",
        )
    if "recorded" not in value:
        raise CassetteError(
            f"{path}: the cassette was cut short: its last line, `recorded: N`, is missing",
            hint="restore the file, for example with git, or record anew with --cekura-record=all",
        )


def _exchange(
    path: Path, file: CassetteFile, number: int, given: RecordedExchange, before: dict[int, Exchange]
) -> Exchange:
    """Return an exchange with all of its talk."""

    def looked_up(found: Mapping[int, V], wanted: int, *loc: str | int) -> V:
        if wanted not in found:
            raise CassetteError(
                f"{place(path, 'exchanges', number, *loc)}there is no {wanted} before it"
                if loc == ("follows",)
                else f"{place(path, 'exchanges', number, *loc)}there is no {wanted} in `{loc[-1]}` at the top",
                hint=_RENEW,
            )
        return found[wanted]

    followed = looked_up(before, given.follows, "follows").asked if given.follows is not None else None
    talk = list(followed.talk) if followed else []
    for at, item in enumerate(given.talk):
        if item.instructions is not None:
            text = looked_up(file.instructions, item.instructions, "talk", at, "instructions")
            talk.append(Item(Role.INSTRUCTIONS, text))
        else:
            talk.append(_item(item))
    model = given.model if given.model is not None else (followed.model if followed else "")
    tools: Mapping[str, Any] = followed.tools if followed else {}
    if given.tools is not None:
        tools = looked_up(file.tools, given.tools, "tools")
    answer = Answer(
        tuple(map(_part, given.answer)),
        given.usage,
        Fault(given.error.status, given.error.message) if given.error else None,
        given.interrupted,
    )
    return Exchange(Asked(model, tuple(talk), tools, given.choice), answer)


def _item(item: TalkItem) -> Item:
    if item.call is not None:
        return Item(Role.CALL, canonical(item.arguments if item.arguments is not None else {}), item.call)
    if item.result is not None:
        return Item(Role.RESULT, item.result, item.of or "")
    if item.user is not None:
        return Item(Role.USER, item.user)
    return Item(Role.AGENT, item.agent or "")


def _part(part: AnswerPart) -> Said | Called:
    if part.call is not None:
        return Called(part.call, part.arguments if part.arguments is not None else {})
    return Said(part.say or "", part.lengths)


def _content(agent: str, exchanges: Sequence[Exchange]) -> dict[str, Any]:
    instructions = _numbered(item.text for each in exchanges for item in each.asked.talk if _is_instructions(item))
    tools = _numbered(json.dumps(each.asked.tools) for each in exchanges)
    written: dict[int, Any] = {}
    for number, exchange in enumerate(exchanges, start=1):
        asked = exchange.asked
        follows = _followed(asked, exchanges[: number - 1])
        head = exchanges[follows - 1].asked if follows else None
        entry: dict[str, Any] = {"follows": follows} if follows else {}
        if head is None or head.model != asked.model:
            entry["model"] = asked.model
        if head is None or head.tools != asked.tools:
            entry["tools"] = tools[json.dumps(asked.tools)]
        if asked.choice:
            entry["choice"] = asked.choice
        entry["talk"] = [_item_content(item, instructions) for item in asked.talk[len(head.talk) if head else 0 :]]
        written[number] = entry | _answer_content(exchange.answer)
    return {
        "cassette": VERSION,
        "agent": agent,
        "instructions": {number: text for text, number in instructions.items()},
        "tools": {number: _compact(json.loads(text)) for text, number in tools.items()},
        "exchanges": written,
        "recorded": len(written),
    }


def _numbered(texts: Iterator[str]) -> dict[str, int]:
    return {text: number for number, text in enumerate(dict.fromkeys(texts), start=1)}


def _is_instructions(item: Item) -> bool:
    return item.role is Role.INSTRUCTIONS


def _followed(asked: Asked, before: Sequence[Exchange]) -> int:
    """Return the number of the longest talk before that this one continues; 0 if there is none."""
    lengths = [
        (len(each.asked.talk), number)
        for number, each in enumerate(before, start=1)
        if each.asked.talk and asked.talk[: len(each.asked.talk)] == each.asked.talk
    ]
    return max(lengths, default=(0, 0))[1]


def _item_content(item: Item, instructions: dict[str, int]) -> dict[str, Any]:
    if item.role is Role.INSTRUCTIONS:
        return {"instructions": instructions[item.text]}
    if item.role is Role.CALL:
        return {"call": item.tool, "with": _compact(_arguments(item.text))}
    if item.role is Role.RESULT:
        return {"result": item.text, "of": item.tool}
    return {item.role.value: item.text}


def _compact(value: Any) -> Any:
    """Write mappings and lists of short values on one line."""
    if isinstance(value, dict | list):
        inner = list(value.values()) if isinstance(value, dict) else value
        if all(not isinstance(each, dict | list) and len(str(each)) <= _SHORT for each in inner):
            return Inline(value) if isinstance(value, dict) else InlineList(value)
        if isinstance(value, dict):
            return {key: _compact(each) for key, each in value.items()}
        return [_compact(each) for each in value]
    return value


def _arguments(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def _answer_content(answer: Answer) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for part in answer.parts:
        if isinstance(part, Called):
            parts.append({"call": part.tool, "with": _compact(part.arguments)})
        else:
            parts.append({"say": part.text} | ({"chunks": " ".join(map(str, part.chunks))} if part.chunks else {}))
    content: dict[str, Any] = {"answer": parts}
    content |= {"usage": Inline(answer.usage)} if answer.usage else {}
    content |= {"error": {"status": answer.fault.status, "message": answer.fault.message}} if answer.fault else {}
    return content | ({"interrupted": True} if answer.interrupted else {})
