"""The native client's log: what livekit's own callback logs is logged, and all else costs nothing."""

from __future__ import annotations

import ctypes
import logging
import subprocess
import sys
from itertools import product
from typing import Any

import pytest
from livekit.rtc import _ffi_client as client
from livekit.rtc._proto.ffi_pb2 import FfiEvent

from cekura_agent_kit import native_log

TARGETS = ("libwebrtc", "libwebrtc2", "livekit", "livekit_signaling::client", "tungstenite::handshake", "a" * 60)
LEVELS = range(5)
"""ERROR, WARN, INFO, DEBUG, TRACE."""


def event(*records: tuple[int, str], size: int = 20) -> bytes:
    """Return an event of the native client's: a batch of log records, each a level and a target."""
    found = FfiEvent()
    for level, target in records:
        found.logs.records.add(level=level, target=target, message="x" * size, line=7, module_path="m")
    return found.SerializeToString()


def send(callback: Any, data: bytes) -> None:
    """Call the callback as the native client does."""
    buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
    callback(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_uint8)), len(data))


@pytest.fixture
def own() -> Any:
    """livekit's own callback, whatever is installed in this process."""
    found = client.ffi_event_callback
    return getattr(found, "own", found)


@pytest.mark.parametrize("logged_from", [logging.DEBUG, logging.INFO])
@pytest.mark.parametrize("size", [0, 20, 200, 20_000])
def test_the_same_records_are_logged_as_by_livekits_own_callback(
    own: Any, caplog: pytest.LogCaptureFixture, logged_from: int, size: int
) -> None:
    events = [event(record, size=size) for record in product(LEVELS, TARGETS)]
    events.append(event((3, "libwebrtc"), (1, "livekit"), (4, "tokio"), size=size))
    events.append(event((4, "livekit")) + event((0, "livekit"), size=size))
    with caplog.at_level(logged_from, logger="livekit"):
        logged = []
        for callback in (own, native_log.callback(own)):
            caplog.clear()
            for data in events:
                send(callback, data)
            logged.append([(each.levelname, each.getMessage()) for each in caplog.records])
    assert logged[0] == logged[1]
    assert {level for level, _ in logged[0]} >= {"ERROR", "WARNING"}


def test_what_livekit_would_not_log_is_not_handed_to_it(own: Any) -> None:
    handed: list[int] = []
    kind = type(own)
    callback = native_log.callback(kind(lambda data, size: handed.append(size)))
    for record in ((3, "libwebrtc"), (3, "livekit::room"), (4, "tungstenite")):
        send(callback, event(record))
    assert handed == []
    warning, other = event((1, "livekit::room")), FfiEvent.FromString(b"\xa2\x01\x03\x0a\x01x").SerializeToString()
    send(callback, warning)
    send(callback, other)
    assert handed == [len(warning), len(other)]


THREAD_IN_THE_CALLBACK = """
import ctypes, threading, time
from livekit.rtc import _ffi_client as client
from cekura_agent_kit import native_log

entered = threading.Event()
def own(data, size):
    entered.set()
    time.sleep(0.5)
    print("out", flush=True)
client.ffi_event_callback = type(client.ffi_event_callback)(own)
assert native_log.install()
buffer = (ctypes.c_uint8 * 1)(8)
data = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_uint8))
threading.Thread(target=client.ffi_event_callback, args=(data, 1), daemon=True).start()
entered.wait()
"""


def test_a_process_ends_when_no_thread_is_in_the_callback() -> None:
    """Python ends such a thread in a way that Rust takes for a panic."""
    done = subprocess.run(
        [sys.executable, "-c", THREAD_IN_THE_CALLBACK], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "out\n"


IN_A_PROCESS = """
import asyncio, logging, sys
from cekura_agent_kit import native_log
logging.basicConfig(stream=sys.stdout)
if "mute" in sys.argv:
    native_log.mute()
assert native_log.install()
from livekit import rtc
async def main():
    try:
        await rtc.Room().connect("ws://127.0.0.1:9", "token")
    except rtc.ConnectError:
        print("refused")
asyncio.run(main())
"""


def printed(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout + done.stderr


def test_a_process_has_the_native_clients_warnings_unless_it_is_muted() -> None:
    assert "signal connection failed" in printed()
    assert printed("mute") == "refused\n"
