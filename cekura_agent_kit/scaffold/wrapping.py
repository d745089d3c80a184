"""The change of source by which an agent can be tested: its wrapped entrypoint, as a diff."""

from __future__ import annotations

import ast
import builtins
import difflib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import KitError
from .agents import FoundAgent, module_names
from .sources import Source

IMPORT: Final = "from cekura_agent_kit import wrap_entrypoint"
_DECORATOR: Final = "@wrap_entrypoint"
_OWN_FIELDS: Final = frozenset({"prewarm_fnc", "request_fnc"})


@dataclass(frozen=True)
class Change:
    """The new text of one file.

    Attributes:
        source: the file as it is.
        text: the file as it should be.
        root: the repo.
    """

    source: Source
    text: str
    root: Path

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        name = self.source.path.relative_to(self.root).as_posix()
        before, after = self.source.text.splitlines(keepends=True), self.text.splitlines(keepends=True)
        lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines).replace("\r\n", "\n")

    def apply(self) -> None:
        """Write the file in one step; its mode stays.

        Raises:
            KitError: it cannot be written, or has changed meanwhile.
        """
        path = self.source.path
        try:
            if path.read_bytes().decode(self.source.encoding) != self.source.text:
                raise KitError(f"{path} has changed meanwhile", hint="run the command again")
            with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as new:
                new.write(self.text.encode(self.source.encoding))
            Path(new.name).chmod(path.stat().st_mode)
            Path(new.name).replace(path.resolve())
        except OSError as error:
            raise KitError(
                f"{path}: {error.strerror}", hint="make the file writable, or apply the diff by hand"
            ) from None


def changes_for(agent: FoundAgent) -> list[Change]:
    """Return what has to change in the repo; nothing for an agent that is ready.

    The entrypoint is wrapped, and options that exist only when the file is run as a script become a name of the module
    where a worker for tests would lack a part of the agent without them.
    """
    edits: dict[Path, _Edits] = {}
    if not agent.is_wrapped:
        edited = edits.setdefault(agent.home.path, _Edits(agent.home))
        if agent.function is not None:
            _decorate(edited, agent.function)
        elif agent.entrypoint is not None and not needs_named_options(agent):
            edited.replace(agent.entrypoint, f"wrap_entrypoint({edited.text_of(agent.entrypoint)})")
        edited.insert(*_place_of_import(agent.home))
    if needs_named_options(agent):
        _name_options(edits.setdefault(agent.source.path, _Edits(agent.source)), agent)
    changes = [Change(each.source, each.result(), agent.root) for each in edits.values()]
    return [each for each in changes if each.text != each.source.text]


def needs_named_options(agent: FoundAgent) -> bool:
    """Return True if the agent's options are made only by a script, and more is in them than its entrypoint."""
    call = agent.registered
    if not agent.is_options or agent.server or not isinstance(call, ast.Call):
        return False
    more = len(call.args) > 1 or any(each.arg in _OWN_FIELDS for each in call.keywords)
    return more or agent.home is not agent.source or agent.function is None


class _Edits:
    """Replacements in one file, by position."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.end = "\r\n" if "\r\n" in source.text else "\n"
        self._lines = source.text.splitlines(keepends=True)
        self._edits: list[tuple[int, int, str]] = []

    def insert(self, line: int, text: str) -> None:
        """Insert lines before a line, counted from 1."""
        at = self._offset(line, 0)
        self._edits.append((at, at, text.replace("\n", self.end)))

    def replace(self, node: ast.expr, text: str) -> None:
        """Replace an expression."""
        self._edits.append((*self._span(node), text))

    def text_of(self, node: ast.expr) -> str:
        """Return an expression as it is written."""
        start, end = self._span(node)
        return self.source.text[start:end]

    def result(self) -> str:
        """Return the text with all edits; as it was, if it would no longer be Python."""
        text = self.source.text
        for start, end, new in sorted(self._edits, key=lambda edit: edit[0], reverse=True):
            text = text[:start] + new + text[end:]
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return self.source.text
        return text

    def _span(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        """Return the index in the text. The parser's columns count bytes of UTF-8."""
        before = sum(len(each) for each in self._lines[: line - 1])
        if line > len(self._lines):
            return before
        return before + len(self._lines[line - 1].encode()[:column].decode())


def _decorate(edits: _Edits, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    edits.insert(function.lineno, " " * function.col_offset + _DECORATOR + "\n")


def _place_of_import(source: Source) -> tuple[int, str]:
    """Return the line before which the import belongs, as import sorters order it, and its text."""
    line = IMPORT + "\n"
    imports = [each for each in source.tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    livekit = next((index for index, each in enumerate(imports) if _top(each) == "livekit"), None)
    if livekit is not None:
        block = [imports[livekit]]
        for each in reversed(imports[:livekit]):
            if block[0].lineno - (each.end_lineno or 0) > 1 or _top(each) in (*sys.stdlib_module_names, "__future__"):
                break
            block.insert(0, each)
        later = (each for each in block if isinstance(each, ast.ImportFrom) and _top(each) > "cekura_agent_kit")
        first = next(later, None) or block[0]
        return first.lineno, line
    body = source.tree.body
    start = [each for each in body[:1] if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)]
    after = max((each.end_lineno or 0 for each in [*start, *imports]), default=0)
    return after + 1, line if imports or not start else "\n" + line


def _top(node: ast.Import | ast.ImportFrom) -> str:
    name = node.names[0].name if isinstance(node, ast.Import) else "." * node.level + (node.module or "")
    return name.split(".")[0]


def _name_options(edits: _Edits, agent: FoundAgent) -> None:
    """Give the options a name in the module, above the part that only runs as a script."""
    call, tree = agent.registered, edits.source.tree
    assert isinstance(call, ast.Call)
    names = module_names(tree)
    used = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    holder = next((each for each in tree.body if each.lineno <= call.lineno <= (each.end_lineno or 0)), None)
    if holder is None or not used <= names | set(dir(builtins)):
        return
    guard = next(
        (each for each in tree.body if isinstance(each, ast.If) and "__name__" in ast.unparse(each.test)), holder
    )
    name = next(each for each in ("options", "worker_options", "cekura_options") if each not in names)
    text = edits.text_of(call)
    if agent.function is None and agent.entrypoint is not None and not agent.is_wrapped:
        entrypoint = edits.text_of(agent.entrypoint)
        text = text.replace(entrypoint, f"wrap_entrypoint({entrypoint})", 1)
    first, *rest = text.splitlines()
    statement = edits.source.text.splitlines()[call.lineno - 1]
    indent = len(statement) - len(statement.lstrip())
    moved = "\n".join([first, *(line[min(indent, len(line) - len(line.lstrip())) :] for line in rest)])
    edits.replace(call, name)
    edits.insert(guard.lineno, f"{name} = {moved}\n\n\n")
