"""Program that runs a command and stops it when whoever started it is gone, however that ended.

    python -I -S guard.py GRACE [KEY_FILE …] -- COMMAND …

It is run by path, imports nothing of the package and starts in 10 ms. `guarded.GuardedProcess` is its other side.

- Standard input is the lifeline. One byte is an order: ``T`` sends SIGTERM to the command, ``K`` sends SIGKILL to its
  process group. When it ends, the command gets SIGTERM, and after GRACE seconds its group SIGKILL. Then each KEY_FILE
  is emptied. A signal to the guard does the same.
- Standard output receives one line when the command has started, ``pid N``, or ``error ERRNO`` if it cannot be started,
  and one when it has ended, ``exit CODE``; a negative code is a signal.
- Standard error becomes the command's output. Its input is empty.

The command has a session and a process group of its own, with its pid as their id. Linux is tested; macOS runs the same
code, untested.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time

_POLL = 0.05
"""Seconds between two checks of a group that is ending."""
_REAP_TIMEOUT = 1.0
"""Seconds from SIGKILL to the command's end."""
_STOP_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Guard:
    """The command, its group, and the pipe to whoever started the guard.

    Args:
        words: the command.
        grace: seconds from SIGTERM to SIGKILL once the starter is gone.
        key_files: files that are emptied then.
    """

    def __init__(self, words: list[str], *, grace: float, key_files: list[str]) -> None:
        self._words, self._grace, self._key_files = words, grace, key_files
        self._status = os.dup(1)
        self._wakeup, wakeup_end = os.pipe()
        os.set_blocking(wakeup_end, False)
        self._before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
        self._stopped = False
        self._pid = 0
        self._ended = False
        signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
        # A handler, if an empty one, is what makes a signal write to the wake-up pipe.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_stop_signal)

    def run(self) -> None:
        """Start the command and stay until the starter is gone; then stop the command and empty the files."""
        if not self._start():
            return
        try:
            while not self._stopped and self._obey_next_order():
                pass
        finally:
            self._stop_group()
            for path in self._key_files:
                _empty(path)

    def _on_stop_signal(self, *_: object) -> None:
        self._stopped = True

    def _start(self) -> bool:
        """Start the command. Return False if it cannot be started; the starter has been told."""
        failure, failure_end = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            try:
                self._become_command()
            except OSError as error:
                os.write(failure_end, str(error.errno or errno.EINVAL).encode())
            os._exit(127)
        os.close(failure_end)
        # The pipe is closed by exec. It has an error number only if that failed.
        code = os.read(failure, 16)
        os.close(failure)
        self._report(f"error {code.decode()}" if code else f"pid {self._pid}")
        return not code

    def _become_command(self) -> None:
        os.setsid()
        empty = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((empty, 0), (2, 1)):
            os.dup2(source, target)
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        # Python ignores it, and an ignored signal stays ignored in the command.
        for number in (signal.SIGPIPE, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(self._words[0], self._words)

    def _obey_next_order(self) -> bool:
        """Wait for an order or the command's end. Return False once the starter is gone."""
        readable, _, _ = select.select([0, self._wakeup], [], [])
        if self._wakeup in readable:
            os.read(self._wakeup, 64)
            self._report_end()
        if 0 not in readable:
            return True
        orders = os.read(0, 64)
        for order in orders:
            if order == ord("T") and not self._ended:
                _signal(os.kill, self._pid, signal.SIGTERM)
            elif order == ord("K"):
                _signal(os.killpg, self._pid, signal.SIGKILL)
                self._grace = 0.0
        return bool(orders)

    def _report_end(self) -> None:
        """Report the command's end, once. It stays a zombie where possible, so that no other process gets its id."""
        if self._ended:
            return
        if hasattr(os, "waitid"):
            ended = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        else:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
        self._ended = True
        self._report(f"exit {code}")

    def _stop_group(self) -> None:
        deadline = time.monotonic() + self._grace
        if not self._ended:
            _signal(os.kill, self._pid, signal.SIGTERM)
        while not self._group_is_gone() and time.monotonic() < deadline:
            time.sleep(_POLL)
        _signal(os.killpg, self._pid, signal.SIGKILL)
        deadline = time.monotonic() + _REAP_TIMEOUT
        while not _reap(self._pid) and time.monotonic() < deadline:
            time.sleep(_POLL)

    def _group_is_gone(self) -> bool:
        return _reap(self._pid) and not _signal(os.killpg, self._pid, 0)

    def _report(self, line: str) -> None:
        try:
            os.write(self._status, f"{line}\n".encode())
        except OSError:
            # The starter is gone. The lifeline ends the guard next.
            return


def _signal(send: object, target: int, number: int) -> bool:
    """Send a signal. Return False if there is no process to send it to."""
    try:
        send(target, number)  # type: ignore[operator]
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _reap(pid: int) -> bool:
    """Return True if the child has ended. It is no zombie any more then."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _empty(path: str) -> None:
    try:
        os.truncate(path, 0)
    except OSError:
        # It was deleted, as it is when the starter ends in order.
        return


def main(arguments: list[str]) -> None:
    """Run the guard with the arguments of its command line."""
    split = arguments.index("--")
    Guard(arguments[split + 1 :], grace=float(arguments[0]), key_files=arguments[1:split]).run()


if __name__ == "__main__":
    main(sys.argv[1:])
