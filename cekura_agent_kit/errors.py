"""Every error that cekura-agent-kit raises on purpose, in one tree.

    KitError
    ├── MetadataError         the job's metadata says something about a test that cannot be understood
    ├── TextModeError         text mode did not hold, and something that was not text was in the way
    ├── SuiteError            the suite file, or a flag that mirrors it
    ├── ScenarioError         the sandbox's scenario file or model rules
    ├── SettingsError         keys and addresses from the environment
    ├── CekuraError           Cekura's API
    │   ├── CekuraRefused     it answered 4xx: nothing was started or read
    │   ├── CekuraUnreachable the request never left, or no read came back in time
    │   └── StartUnknown      a start was sent and its answer was lost
    ├── LiveKitError          LiveKit's API, or a room
    ├── WorkerError           the suite's worker did not start, or died
    ├── SandboxError          a part of the sandbox
    ├── ReportError           a report that cannot be read or written
    ├── TargetError           the agent that is to be run: no such file, no agent in it, or a choice of several
    └── RehearsalError        a rehearsal that cannot begin or go on

Each carries what happened in its text and what to do about it in ``hint``. Where a ``KitError`` ends the command, its
text and hint are printed without a traceback and the exit code is 2.
"""


class KitError(Exception):
    """What happened, with the value; ``hint`` says what to do."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # pytest and tracebacks show it


class MetadataError(KitError):
    """The job's metadata names something of a test that cannot be understood: refused, neither text nor voice."""


class TextModeError(KitError):
    """Text mode did not hold. The text names what held it back."""


class SuiteError(KitError):
    """The suite file, or a flag that mirrors it: file, line and what is allowed."""


class ScenarioError(KitError):
    """The sandbox's scenario file or model rules: file, line and what is allowed."""


class SettingsError(KitError):
    """Keys or addresses are missing or unusable; all of them are named at once."""


class CekuraError(KitError):
    """Cekura's API did not do what was asked."""


class CekuraRefused(CekuraError):
    """Cekura answered 4xx.

    Args:
        status: the HTTP status.
        body: the raw text of the answer; its shape varies.
    """

    def __init__(self, message: str, *, status: int, body: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.body = body


class CekuraUnreachable(CekuraError):
    """The request never left this machine, or no read came back in time."""


class StartUnknown(CekuraError):
    """A start was sent and its answer was lost: runs may have been started, and cost money. Never sent again."""


class LiveKitError(KitError):
    """LiveKit's API refused, could not be reached, or is something else than a LiveKit server."""


class WorkerError(KitError):
    """The suite's worker did not start or died; the text ends with the tail of its log."""


class SandboxError(KitError):
    """A part of the sandbox could not be found, built or started."""


class ReportError(KitError):
    """A report that cannot be read or written."""


class TargetError(KitError):
    """The agent that is to be run was not found: no such file, no agent in it, or a choice of several."""


class RehearsalError(KitError):
    """A rehearsal cannot begin or go on."""
