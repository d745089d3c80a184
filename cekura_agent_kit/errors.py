"""Errors of cekura-agent-kit, in one tree.

    KitError
    ├── MetadataError           the job's metadata names a test, but cannot be understood
    ├── TextModeError           text mode was not reached or did not last
    ├── SessionMissing          the entrypoint returned, and nothing could start a session any more
    ├── SuiteError              the suite file, or an option that replaces one of its keys
    ├── ScenarioError           the sandbox's scenario file or model rules
    ├── CassetteError           a cassette: recorded answers of the agent's model
    │   └── CassetteMiss        the model was asked something that was not recorded
    ├── SettingsError           keys and addresses from the environment
    ├── CekuraError             Cekura's API
    │   ├── CekuraRefused       it answered 4xx: nothing was started or read
    │   ├── CekuraUnreachable   the request was never sent, or a read had no answer in time
    │   └── StartUnknown        a start was sent, and its answer was lost
    ├── LiveKitError            LiveKit's API, or a room
    │   ├── LiveKitUnreachable  no answer, or not one of LiveKit's
    │   ├── ForeignServer       the address answers, and is not a LiveKit server
    │   └── NoSuchRoom          the room does not exist
    ├── WorkerError             the suite's worker did not start, or died
    ├── SandboxError            a part of the sandbox
    │   └── JoinRefused         the sandbox's evaluator could not join its room
    ├── ReportError             a report that cannot be read or written
    ├── TargetError             the agent to run: no such file, no agent in it, or more than one
    ├── RehearsalError          a rehearsal that cannot start or continue
    ├── CallerError             a model that plays a caller cannot be asked, or its answers cannot be used
    └── Errored                 a run that cannot be judged; it ends in the run's verdict and never reaches a caller

The text of an error is what happened; its ``hint`` is what to do about it. An error that ends the command is printed
as these two, without a traceback, and the exit code is 2.
"""


class KitError(Exception):
    """Base class of all errors of cekura-agent-kit.

    Attributes:
        hint: what to do about it; may be empty.
        exit_code: of a command that ends with this error.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # pytest and tracebacks print notes


class MetadataError(KitError):
    """The job's metadata names a test, but cannot be understood. The job is refused, in text and in voice."""


class TextModeError(KitError):
    """Text mode was not reached or did not last; the text names the part that is not text."""


class SessionMissing(KitError):
    """The entrypoint of a test returned without a session, and left nothing that could start one."""


class SuiteError(KitError):
    """The suite file, or an option that replaces one of its keys, is wrong: file, line and what is allowed."""


class ScenarioError(KitError):
    """The sandbox's scenario file or model rules are wrong: file, line and what is allowed."""


class CassetteError(KitError):
    """A cassette is missing, cannot be read or written, or is of another agent; the text names file and line."""


class CassetteMiss(CassetteError):
    """The model was asked something that the cassette does not have; the text has the differences."""


class SettingsError(KitError):
    """Keys or addresses are missing or unusable; the text names all of them."""


class CekuraError(KitError):
    """Cekura's API did not do what was asked."""


class CekuraRefused(CekuraError):
    """Cekura answered with a 4xx status: nothing was started or read.

    Args:
        status: the HTTP status.
        body: raw text of the answer; its shape varies.
        final: the refusal is about the key, the account, permission or credit: no other start can succeed.
    """

    def __init__(self, message: str, *, status: int, body: str, hint: str = "", final: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.body = body
        self.final = final


class CekuraUnreachable(CekuraError):
    """The request never left this machine, or a read had no answer in time. For a start see `StartUnknown`."""


class StartUnknown(CekuraError):
    """A start was sent, and its answer was lost: runs may have started, and cost money. It is never sent again."""


class LiveKitError(KitError):
    """LiveKit's API refused a request."""


class LiveKitUnreachable(LiveKitError):
    """LiveKit did not answer, or answered with an error of its own. A later request may succeed.

    Args:
        refused: the connection was refused: the server is not running.
    """

    def __init__(self, message: str, *, hint: str = "", refused: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.refused = refused


class ForeignServer(LiveKitError):
    """The address answers, but it is not a LiveKit server."""


class NoSuchRoom(LiveKitError):
    """The room does not exist, or no longer exists."""


class WorkerError(KitError):
    """The suite's worker did not start, or died; the text ends with the last lines of its log."""


class SandboxError(KitError):
    """A part of the sandbox could not be found, built or started."""


class JoinRefused(SandboxError):
    """The sandbox's evaluator could not join the room with its URL and token. The text never has the token."""


class ReportError(KitError):
    """A report cannot be read or written."""


class TargetError(KitError):
    """The agent to run was not found: no such file, no agent in it, or more than one to choose from."""


class RehearsalError(KitError):
    """A rehearsal cannot start or continue."""


class CallerError(KitError):
    """A model that plays a caller cannot be asked, its answers cannot be used, or an outcome could not be judged."""
