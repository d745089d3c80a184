"""The usual signals for what tests start, however the tests themselves were started."""

from __future__ import annotations

import signal


def take_usual_signals() -> None:
    """Have started processes receive SIGINT and SIGHUP.

    A shell starts a background command with SIGINT ignored, and ``nohup`` ignores SIGHUP; both are inherited. A handler
    that does nothing still ignores the signal here, and is not inherited.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
