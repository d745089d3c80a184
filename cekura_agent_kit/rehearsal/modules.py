"""The modules of one agent during its rehearsal, where another agent of the repo has modules of the same names.

Python keeps one module a name. In a repo with ``billing/agent.py`` and ``support/agent.py``, each with a ``tools.py``
beside it, whichever is imported second would run with the first one's tools.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

from ..errors import RehearsalError
from ..worker.source import find_file, import_name, split_target
from ..worker.target import Target, find_target
from .environment import environment

__tracebackhide__ = True

logger = logging.getLogger("cekura_agent_kit.rehearsal")

_NEVER: Final = frozenset({"__main__", "cekura_agent_kit", "conftest", "livekit", "pytest", "tests"})
"""Names of modules that stay: Python's, pytest's and those on which a rehearsal runs."""

_kept: dict[Path, dict[str, ModuleType]] = {}
"""Modules of agents that are not rehearsed now, where others of their names are in `sys.modules`."""
_aside: dict[Path, dict[str, ModuleType]] = {}
"""Modules that are put aside during the rehearsals of an agent."""
_active: list[Path] = []


def find_with_own_modules(
    target: object, folders: Sequence[Path], env: Mapping[str, str], resources: ExitStack
) -> Target:
    """Return the agent that a target names (see `find_target`); its own modules stay until the resources are closed.

    Args:
        target: see `find_target`.
        folders: folders in which a relative path is searched.
        env: environment variables of the rehearsal.
        resources: closed at the rehearsal's end.
    """
    if isinstance(target, str | Path):
        file, _ = split_target(target)
        root, _ = import_name(find_file(file, folders))
        resources.enter_context(own_modules(root))
    # An agent's own .env file does not replace what is set: with placeholders first, its keys would be lost.
    with environment(env, placeholders=False):
        try:
            return find_target(target, folders=folders)
        except Exception as error:  # noqa: BLE001 - a module may raise anything for want of a key
            logger.debug("%s without placeholders for keys: %s", target, error)
    with environment(env):
        return find_target(target, folders=folders)


@contextmanager
def own_modules(root: Path) -> Iterator[None]:
    """Let the code of an agent import its own modules, also those whose names are in `sys.modules` already.

    The others' are put aside, and restored at the end, when the agent's are put aside for its next rehearsal. Where no
    name occurs twice, nothing is changed but `sys.path`.

    Args:
        root: the folder from which the agent's code imports its modules.

    Raises:
        RehearsalError: the other modules are those of a rehearsal that goes on.
    """
    others = {name: sys.modules[name] for top in _names(root) for name in _family(top) if not _is_of(root, name)}
    for active in _active:
        if active != root and (clashing := sorted(name for name in others if _is_of(active, name))):
            raise RehearsalError(
                f"{root} and {active} both have a module {clashing[0]!r}, and are rehearsed at the same time",
                hint="rehearse one after the other: Python has one module of a name at a time",
            )
    for name in others:
        del sys.modules[name]
    sys.modules.update(_kept.pop(root, {}))
    _aside.setdefault(root, {}).update(others)
    sys.path.insert(0, str(root))
    _active.append(root)
    try:
        yield
    finally:
        _active.remove(root)
        sys.path.remove(str(root))
        if str(root) not in sys.path:
            sys.path.append(str(root))  # a test may import the agent's modules after its rehearsal
        if root not in _active:
            _restore(root, _aside.pop(root))


def _restore(root: Path, others: dict[str, ModuleType]) -> None:
    """Restore modules that were put aside, and keep the agent's own of these names."""
    tops = {name.partition(".")[0] for name in others}
    own = [name for top in tops for name in _family(top) if _is_of(root, name)]
    if own:
        _kept[root] = {name: sys.modules.pop(name) for name in own}
    sys.modules.update(others)


def _names(root: Path) -> Iterator[str]:
    """Yield the names of loaded modules that a folder has, too."""
    loaded = {name.partition(".")[0] for name in sys.modules} - _NEVER - sys.stdlib_module_names
    for path in root.iterdir():
        name = path.stem if path.suffix == ".py" else path.name
        if name not in loaded or name.startswith("test_"):
            continue
        is_regular = path.suffix == ".py" or (path / "__init__.py").is_file()
        # Without an __init__ file it is found only where nothing else of the name is installed.
        if is_regular or (path.is_dir() and any(path.glob("*.py")) and not _is_installed(name)):
            yield name


def _family(top: str) -> list[str]:
    return [name for name in sys.modules if name == top or name.startswith(f"{top}.")]


def _is_of(root: Path, name: str) -> bool:
    """Return whether a loaded module is the one that the folder has under its name."""
    place = root.joinpath(*name.split("."))
    return any(each in (place.with_suffix(".py"), place / "__init__.py", place) for each in _places(name))


def _is_installed(name: str) -> bool:
    return any("site-packages" in place.parts for place in _places(name))


def _places(name: str) -> list[Path]:
    """Return the file of a loaded module, or the folders of a package without an ``__init__`` file."""
    module = sys.modules[name]
    values = vars(module) if isinstance(module, ModuleType) else {}
    if isinstance(file := values.get("__file__"), str):
        return [Path(file).resolve()]
    return [Path(folder).resolve() for folder in values.get("__path__", ()) if isinstance(folder, str)]
