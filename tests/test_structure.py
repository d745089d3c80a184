"""The package as docs/design.md draws it: cheap imports, no circles, one place for each name, and plain language."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest

import cekura_agent_kit
from tests.design_page import FOREIGN, drawing, modules, owned_names, section

PACKAGE = Path(cekura_agent_kit.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "agent_template" not in path.parts)
TWICE = {"__init__", "room", "job", "transcript", "doctor", "sweep", "internals", "sandbox", "scenarios", "service"}
"""Basenames that stand for one noun in several worlds."""
MODULE_LINES = 300
"""One noun a module: what is longer has two."""
QUESTION = re.compile(r"(What|Whether|Where|When|Who|How|Which|Why)\b")


def loaded_by(statement: str) -> set[str]:
    """Modules that a fresh Python has loaded after the statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_public_name_resolves_and_nothing_else() -> None:
    for name in cekura_agent_kit.__all__:
        value = getattr(cekura_agent_kit, name)
        assert name == "Event" or value.__module__.startswith("cekura_agent_kit."), name
    assert cekura_agent_kit.__all__ == sorted(cekura_agent_kit.__all__)
    assert set(cekura_agent_kit.__all__) == set(cekura_agent_kit._HOME)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        cekura_agent_kit.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "not_loaded"),
    [
        ("import cekura_agent_kit", {"livekit.agents", "livekit.rtc", "livekit.api", "httpx", "pydantic", "asyncio"}),
        ("from cekura_agent_kit import wrap_entrypoint", {"livekit.agents", "httpx", "pydantic", "jwt"}),
        (
            "from cekura_agent_kit.cli.subcommands import SUBCOMMANDS, function_of\n"
            "for name in SUBCOMMANDS: function_of(name)",
            {"livekit", "httpx", "pydantic", "yaml", "jinja2", "aiohttp"},
        ),
        ("import cekura_agent_kit.rehearsal.plugin", {"livekit", "httpx", "pydantic", "yaml", "aiohttp"}),
        ("import cekura_agent_kit.trigger.suite_run", {"livekit.agents"}),
    ],
)
def test_importing_is_cheap(statement: str, not_loaded: set[str]) -> None:
    assert loaded_by(statement).isdisjoint(not_loaded)


DOOR = {"cekura_agent_kit.cli.console", "cekura_agent_kit.cli.stdio"}
"""The modules that write to the terminal."""
CAPTURES = {"cekura_agent_kit.watch.printed"}
"""Flushes both streams, of a process whose output goes to a file."""
WRITERS = {"print", "Console", "StreamHandler", "basicConfig", "echo", "secho", "print_exc", "print_exception"}


def writes(source: str) -> list[str]:
    """Return the names that the code calls to write to stdout or stderr, or could."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            # A console's own `print` is the door's: its texts pass through the door's class.
            if name in WRITERS and not (name == "print" and isinstance(node.func, ast.Attribute)):
                found.append(name)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
            found += [node.attr] if node.attr.strip("_") in ("stdout", "stderr") else []
        elif isinstance(node, ast.ImportFrom) and node.module in ("sys", "builtins"):
            found += [each.name for each in node.names if each.name.strip("_") in ("stdout", "stderr", "print")]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "print('x')",
        "import sys; sys.stderr.write('x')",
        "from sys import stdout",
        "import typer; typer.echo('x')",
        "from rich.console import Console; Console().print('x')",
        "import logging; logging.StreamHandler()",
        "import traceback; traceback.print_exc()",
    ],
)
def test_the_search_for_what_writes_to_the_terminal_finds_it(source: str) -> None:
    assert writes(source)


def test_only_the_door_writes_to_the_terminal() -> None:
    found = {name: writes(path.read_text()) for path in MODULES if (name := module_name(path)) not in DOOR | CAPTURES}
    assert {name: what for name, what in found.items() if what} == {}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, *, lazy: bool) -> Iterator[str]:
    """Absolute names that a module imports, those for types included; ``lazy``: also inside of functions."""
    tree = ast.parse(path.read_text())
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(tree):
        if not lazy and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{name.name}" for name in node.names)


def graph() -> dict[str, set[str]]:
    """Each module of the package and the modules of it that it names when it is imported or its types are checked."""
    names = {module_name(path): path for path in MODULES}
    edges: dict[str, set[str]] = {}
    for name, path in names.items():
        imported = (each if each in names else each.rpartition(".")[0] for each in imports_of(path, lazy=False))
        edges[name] = {each for each in imported if each in names and each != name}
    return edges


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(name: str, along: dict[str, set[str]], found: list[str]) -> None:
        stack = [(name, iter(sorted(along[name])))]
        seen.add(name)
        while stack:
            at, rest = stack[-1]
            following = next((each for each in rest if each not in seen), None)
            if following is None:
                found.append(at)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(sorted(along[following]))))

    for name in sorted(edges):
        if name not in seen:
            visit(name, edges, order)
    back: dict[str, set[str]] = {name: set() for name in edges}
    for name, targets in edges.items():
        for target in targets:
            back[target].add(name)
    seen.clear()
    groups = []
    for name in reversed(order):
        if name not in seen:
            group: list[str] = []
            visit(name, back, group)
            groups.append(sorted(group))
    return [group for group in groups if len(group) > 1]


def test_the_search_for_circles_finds_one() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_no_module_is_part_of_a_circle_types_included() -> None:
    edges = graph()
    # A package's face names its public names for type checkers, and imports them on first use (lazy.py).
    faces = {"cekura_agent_kit", "cekura_agent_kit.rehearsal", "cekura_agent_kit.sandbox"}
    assert circles({name: targets - faces for name, targets in edges.items() if name not in faces}) == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "trigger").rglob("*.py")), ids=module_name)
def test_the_trigger_never_imports_livekit_agents(path: Path) -> None:
    """It takes three seconds; import-linter cannot see inside of the livekit namespace."""
    assert not {name for name in imports_of(path, lazy=True) if name.startswith("livekit.agents")}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES


def test_no_basename_stands_twice() -> None:
    counts = Counter(path.stem for path in MODULES)
    assert {name for name, count in counts.items() if count > 1} <= TWICE


@pytest.mark.parametrize("folder", sorted(modules()))
def test_the_drawing_names_each_module(folder: str) -> None:
    words = set(re.findall(r"\w+", drawing()[folder]))
    left_out = modules()[folder] - words
    if folder == "cli":  # "a file a command"
        left_out &= {"console", "stdio", "live", "outputs", "option_values"}
    assert left_out == set()


def test_the_drawing_names_no_module_that_is_gone() -> None:
    for folder, text in drawing().items():
        if (PACKAGE / folder).is_dir():
            gone = set(re.findall(r"\b(\w+)\.py\b", text)) - modules().get(folder, set()) - {"__init__"}
            assert gone == set(), folder


def test_the_four_ways_name_what_there_is() -> None:
    names, owned = owned_names()
    spans = set(re.findall(r"`([\w.]+)`", section("Four ways through the code"))) - FOREIGN
    assert len(spans) > 40
    assert {span for span in spans if span not in (owned if "." in span else names)} == set()


def test_what_is_imported_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [
        *declared["dependencies"],
        *(each for extra in declared["optional-dependencies"].values() for each in extra),
    ]
    named = {re.split(r"[\[<>=~ ]", each)[0].lower().replace("_", "-") for each in requirements}
    # pytest loads the plugin: where it is imported, pytest is installed.
    homes = {
        **packages_distributions(),
        "livekit": ["livekit-agents"],
        "google": ["protobuf"],
        "pytest": ["livekit-agents"],
    }
    missing = {}
    for path in MODULES:
        for name in imports_of(path, lazy=True):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top == "cekura_agent_kit":
                continue
            if not {each.lower().replace("_", "-") for each in homes.get(top, [top])} & named:
                missing[top] = module_name(path)
    assert missing == {}


def test_no_wait_loses_its_cancellation() -> None:
    """`asyncio.wait_for` of Python 3.11 does, where its result arrives at the same time; `asyncio.timeout` does not."""
    assert [module_name(path) for path in MODULES if "asyncio.wait_for(" in path.read_text()] == []


def described(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Line and text of the strings that stand below constants and fields."""
    for before, after in pairwise(body):
        if isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
            value = after.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield after.lineno, value.value


def docstrings(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Place and text of each docstring, those of constants and fields included."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
                if text := ast.get_docstring(node):
                    yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", text
                if isinstance(node, ast.ClassDef | ast.Module):
                    yield from ((f"{path.relative_to(ROOT)}:{line}", text) for line, text in described(node.body))


def written(*suffixes: str) -> list[Path]:
    """Files of the repository whose names end so, without those of older versions and those that are not ours."""
    folders = ("cekura_agent_kit", "agent_template", "examples", "tests", "bench", "docs")
    found = [*ROOT.glob("*"), *ROOT.glob(".ci/*"), *ROOT.glob(".github/**/*")]
    found += [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return sorted(
        path
        for path in found
        if path.is_file() and path.name.endswith(suffixes) and "tests/data/" not in path.relative_to(ROOT).as_posix()
    )


def test_a_docstring_begins_with_what_a_thing_is_or_does() -> None:
    texts = list(docstrings(written(".py")))
    assert len(texts) > 2000
    assert [f"{place} {text.splitlines()[0]}" for place, text in texts if QUESTION.match(text)] == []


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of a page's lines outside of code blocks and tables, without addresses; or of the comments."""
    code = False
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if path.suffix != ".md":
            if line.lstrip().startswith("#"):
                yield number, line
            continue
        code ^= line.startswith("```")
        if not code and not line.lstrip().startswith("|"):
            yield number, re.sub(r"\]\([^)]*\)|https?://\S+", "", line)


def test_lines_of_prose_have_at_most_120_characters() -> None:
    """Those of Python are ruff's."""
    pages = written(".md", "Makefile", ".yaml", ".yml", ".toml", ".sh", "run")
    assert len(pages) > 20
    long = [f"{page.relative_to(ROOT)}:{number}" for page in pages for number, line in prose(page) if len(line) > 120]
    assert long == []
