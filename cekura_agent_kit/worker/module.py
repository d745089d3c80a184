"""The import of an agent's file, by path."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from livekit.agents import cli

from ..errors import TargetError
from .source import import_name

__tracebackhide__ = True

_loaded: dict[Path, ModuleType] = {}


def load_module(path: Path) -> ModuleType:
    """Import the file, once a process, under the name by which the agent's own code imports it.

    Its folder, or the one above its packages, is put on `sys.path`.

    Args:
        path: absolute path of the file, without symbolic links.

    Raises:
        TargetError: it is not Python, or it exits or starts a worker when it is imported.
        Exception: whatever the file raises, with a traceback that begins in the file. The modules of the agent that it
            had imported are not kept.
    """
    if (module := _loaded_module(path)) is not None:
        return module
    root, name = import_name(path)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    before = set(sys.modules)
    try:
        with _no_worker_started(path):
            module = _imported(path, name)
    except BaseException as error:  # noqa: BLE001 - raised again, without the frames of importing
        _forget(set(sys.modules) - before, root)
        if isinstance(error, SystemExit):
            raise _exited(path, error) from None
        raise error.with_traceback(_own_frames(error.__traceback__)) from None
    _loaded[path] = module
    return module


def _loaded_module(path: Path) -> ModuleType | None:
    loaded = _loaded.get(path)
    if loaded is not None and sys.modules.get(loaded.__name__) is loaded:
        return loaded
    for name, module in list(sys.modules.items()):
        file = _file_of(module)
        if name != "__main__" and file is not None and file.name == path.name and file.resolve() == path:
            return module
    return None


def _file_of(module: ModuleType) -> Path | None:
    # By its dictionary: modules that resolve names lazily may do anything when asked for an attribute.
    file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    return Path(file) if isinstance(file, str) else None


def _imported(path: Path, name: str) -> ModuleType:
    if name not in sys.modules:
        spec = _found(name)
        if spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path:
            return importlib.import_module(name)
    else:  # another file of this name
        name = f"{name}_{abs(hash(path)):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path.name} is not a Python file", hint="give the path of the agent's file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _found(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)  # imports the packages above it
    except (ModuleNotFoundError, ValueError):
        return None


@contextmanager
def _no_worker_started(path: Path) -> Iterator[None]:
    """Refuse `run_app` while the file is imported: it parses the command line, starts a worker and exits."""
    run_app = cli.run_app

    def refuse(*args: Any, **kwargs: Any) -> None:
        frame = sys._getframe(1)
        place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        raise TargetError(
            f"{path.name} starts a worker when it is imported: run_app is called at {place}",
            hint='put the call under `if __name__ == "__main__":`',
        )

    cli.run_app = refuse
    try:
        yield
    finally:
        cli.run_app = run_app


def _exited(path: Path, error: SystemExit) -> TargetError:
    traceback = _own_frames(error.__traceback__)
    while traceback is not None and traceback.tb_next is not None and _is_of(path, traceback.tb_next):
        traceback = traceback.tb_next
    place = f"{path.name}:{traceback.tb_lineno}" if traceback is not None else path.name
    return TargetError(
        f"{path.name} exits when it is imported, with {error.code!r}, at {place}",
        hint='move what parses arguments or exits under `if __name__ == "__main__":`',
    )


def _is_of(path: Path, traceback: TracebackType) -> bool:
    return traceback.tb_frame.f_code.co_filename == str(path)


def _forget(names: set[str], root: Path) -> None:
    """Remove the agent's own modules, so that the next import of its file runs them again."""
    for name in names:
        file = _file_of(sys.modules[name]) if name in sys.modules else None
        if file is not None and file.is_relative_to(root) and "site-packages" not in file.parts:
            del sys.modules[name]


def _own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of importing, up to the first of the file's own."""
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file not in (__file__, importlib.__file__) and not file.startswith("<frozen importlib"):
            break
        traceback = traceback.tb_next
    return traceback
