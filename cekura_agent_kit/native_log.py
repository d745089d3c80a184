"""Log of livekit's native client, received at a fraction of its cost.

The native client calls Python for each of its log records: 3,900 times for one connection, of which livekit's Python
package logs one or two and drops the rest, those of level DEBUG and TRACE. A call took 18 µs, most of it for a thread
state of Python's that was made and deleted again; that was four fifths of the CPU of a connection (livekit 1.1.21).
Here such a thread keeps its state, and a record that would be dropped is dropped before it is parsed. All others, and
all other events, go to livekit's own callback. A process that prints no log of libraries has none made (`mute`).

A thread of the native client's that is in the callback, or on its way into it, while Python shuts down is ended by
Python in a way that Rust takes for a panic, which is printed and may abort the process: with livekit's own callback it
happened to 1 of 40 processes that ended right after a connection (livekit 1.1.21, Python 3.11). So these are let out
first.

Private names, checked with livekit 1.1.21: ``livekit.rtc._ffi_client.ffi_event_callback``, ``FfiClient._instance``,
``._ffi_lib``, and of the protocol ``FfiEvent.logs``. If one is gone or has another form, everything stays as it is.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import get_ident, get_native_id
from typing import Any, Final

_HEAD: Final = 40
"""Bytes of an event that are looked at: they reach to the end of a short target."""
_LOGS: Final = b"\x92\x01"
"""Key of the field ``FfiEvent.logs``, in protobuf's wire format. The others here are `LogBatch`'s and `LogRecord`'s."""
_RECORD, _LEVEL, _TARGET = 0x0A, 0x08, 0x12
_DEBUG, _TRACE = 3, 4
_SWITCH: Final = 0.005
"""Seconds, at the end of the process, in which a thread that waits for Python gets it: `sys.getswitchinterval`."""
_LONGEST_WAIT: Final = 2.0
"""Seconds that the end of the process waits for threads at most."""

_log: Final = logging.getLogger("livekit")
_muted = False


def mute() -> None:
    """Have the native client make no log once it is started: this process prints none of it."""
    global _muted
    _muted = True


def install() -> bool:
    """Receive the native client's log this way from now on.

    Returns:
        False if nothing was changed: the client runs already, its log is being debugged (``LIVEKIT_RTC_DEBUG``), or
        this version of livekit is another one.
    """
    try:
        from livekit.rtc import _ffi_client as client
        from livekit.rtc._proto.ffi_pb2 import FfiEvent

        own, is_running = client.ffi_event_callback, client.FfiClient._instance is not None
    except (ImportError, AttributeError):
        return False
    if is_running or os.environ.get("LIVEKIT_RTC_DEBUG") or not _knows(FfiEvent):
        return False
    if hasattr(own, "own"):
        return True
    client.ffi_event_callback = made = callback(own)
    # Before livekit registers its own: so it is called after that one has told the native client to call no more.
    atexit.register(_let_threads_out, made.inside)
    if _muted:
        _start_without_log(client)
    return True


def _start_without_log(client: Any) -> None:
    """Start the native client, and turn its log off."""
    # What it does not hand to Python, it prints on stderr by itself, as this variable says.
    before = os.environ.get("RUST_LOG")
    os.environ["RUST_LOG"] = "off"
    try:
        library = client.FfiClient.instance._ffi_lib
        library.livekit_ffi_initialize(client.ffi_event_callback, False, b"python", client.__version__.encode())
    except AttributeError as error:
        logging.getLogger(__name__).debug("the native client's log stays on: %s", error)
    finally:
        if before is None:
            del os.environ["RUST_LOG"]
        else:
            os.environ["RUST_LOG"] = before


def callback(own: Any) -> Any:
    """Return a callback for the native client, which calls livekit's own for all but the records that it would drop."""
    kind = type(own)
    pointer, string_at = kind._argtypes_[0], ctypes.string_at
    keep_state: Callable[[], int] = ctypes.pythonapi.PyGILState_Ensure
    keeping: set[int] = set()
    inside: set[int] = set()

    def receive(data: Any, size: int) -> None:
        thread = get_ident()
        if thread not in keeping:
            # Never released: Python would delete the thread's state at the end of this call, and make one for the next.
            keeping.add(thread)
            keep_state()
        if not is_dropped(string_at(data, min(size, _HEAD)), size, debug=_log.isEnabledFor(logging.DEBUG)):
            inside.add(thread)
            try:
                own(ctypes.cast(data, pointer), size)
            finally:
                inside.discard(thread)

    # An address in the place of a typed pointer: nothing is made for it.
    made = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)(receive)
    typed = ctypes.cast(made, kind)
    # Both must live as long as the native client may call.
    typed.made, typed.own, typed.inside = made, own, inside
    return typed


def _let_threads_out(inside: set[int]) -> None:
    """Give up the interpreter until no thread of the native client's is in the callback or on its way into it."""
    until = time.monotonic() + _LONGEST_WAIT
    quiet = 0
    while quiet < 2 and time.monotonic() < until:
        time.sleep(_SWITCH)
        quiet = 0 if inside or _runs_threads() else quiet + 1


def _runs_threads() -> bool:
    """Return True if another thread of this process runs or waits for a core. On Linux; elsewhere False."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return False
    others = [task for task in tasks.iterdir() if int(task.name) != get_native_id()]
    try:
        # What follows the command's name in parentheses.
        return any((task / "stat").read_text().rpartition(")")[2].split()[0] == "R" for task in others)
    except OSError:
        # One has just ended.
        return True


def is_dropped(head: bytes, size: int, *, debug: bool) -> bool:
    """Return True for an event that is one log record, of the kind that livekit's own callback does not log.

    Args:
        head: first bytes of the event, in protobuf's wire format.
        size: of the whole event, in bytes.
        debug: records of level DEBUG are logged, except those of livekit and of libwebrtc.
    """
    if not head.startswith(_LOGS):
        return False
    try:
        _, at = _number(head, len(_LOGS))
        length, start = _number(head, at + 1)
        # Several records are no case of ours: what follows the first may be a warning.
        if head[at] != _RECORD or start + length != size or head[start] != _LEVEL:
            return False
        level = head[start + 1]
        if level != _DEBUG or not debug:
            return level in (_DEBUG, _TRACE)
        end = start + 4 + head[start + 3]
        target = head[start + 4 : end]
        return head[start + 2] == _TARGET and end <= len(head) and (target == b"libwebrtc" or _of_livekit(target))
    except IndexError:
        return False


def _of_livekit(target: bytes) -> bool:
    return target.startswith(b"livekit")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that is written from an index on, and the index after it."""
    number = data[at] & 0x7F
    shift = 7
    while data[at] & 0x80:
        at += 1
        number |= (data[at] & 0x7F) << shift
        shift += 7
    return number, at + 1


def _knows(event: Any) -> bool:
    """Return True if log records look in this version as they are read here."""

    def drops(*levels: int) -> bool:
        records = [{"level": level, "target": "libwebrtc", "message": "."} for level in levels]
        data = event(logs={"records": records}).SerializePartialToString()
        return is_dropped(data[:_HEAD], len(data), debug=True)

    try:
        return drops(_DEBUG) and drops(_TRACE) and not drops(0) and not drops(1) and not drops(2) and not drops(3, 1)
    except Exception:  # noqa: BLE001 - a protocol that has changed raises what it likes
        return False
