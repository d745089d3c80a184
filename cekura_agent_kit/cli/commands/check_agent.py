"""`cekura-kit check-agent [SUITE]`: check what an agent, in any language, shows and does in a test."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..console import say

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from ...conformance.clauses import Finding
    from ...contract import Mode
    from ...sandbox import Sandbox
    from ...trigger.settings.settings import Settings

_MARKS: Final = {"ok": "ok     ", "missing": "MISSING", "skipped": "skipped"}
_TIMEOUT: Final = 60.0
"""Seconds until the agent is active, without a suite that says it."""
_NO_SCENARIO: Final = "1:\n  talk: [{say: hello}]\n"
"""Scenarios of a sandbox whose stand-in for Cekura is not used."""


def check_agent(
    suite: Annotated[
        Path | None,
        typer.Argument(metavar="[SUITE]", help="Suite file or its folder. Default: cekura.yaml, if it exists."),
    ] = None,
    agent_name: Annotated[
        str | None, typer.Option("--agent-name", help="Name that the agent's worker registers. Default: the suite's.")
    ] = None,
    worker: Annotated[
        str | None, typer.Option("--worker", help="Command or Python file of a worker to start. Default: the suite's.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="text|voice", help="Check this mode alone. Default: both.")
    ] = None,
    say_words: Annotated[
        str, typer.Option("--say", metavar="WORDS", help="What the evaluator says; best, what makes it call a tool.")
    ] = "Hello, can you hear me?",
    answer_timeout: Annotated[
        str, typer.Option("--answer-timeout", metavar="DURATION", help="Longest wait for each answer.")
    ] = "20s",
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use a LiveKit server and models of the sandbox: no key, no cloud.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the findings as JSON; - prints them.")
    ] = None,
) -> None:
    """Check an agent, in any language, against the contract of docs/contract.md, in real LiveKit rooms.

    The agent is dispatched in text, in voice, as a real call and with metadata that it must refuse. Each clause that it
    does not keep is named. Nothing is started on Cekura; the agent's own models answer about six messages.

    Exit codes: 0 every clause that could be seen is kept. 1 some are not. 2 the check could not be made.
    """
    from ...conformance.clauses import as_json
    from .. import signals
    from ..option_values import suite_here
    from ..outputs import check_writable, is_stdout, write_json

    check_writable({"json": json_file})
    agent = _agent(suite_here(suite), agent_name=agent_name, worker=worker)
    on_stdout = is_stdout(json_file)
    check = _Check(
        agent,
        modes=_modes(mode),
        words=say_words,
        answer=_seconds(answer_timeout),
        sandbox=sandbox,
        err=on_stdout,
    )
    findings = signals.run(check.run())
    missing = [each for each in findings if each.outcome == "missing"]
    say(_summary(findings), err=on_stdout)
    if json_file is not None:
        write_json(as_json(check.agent_name, findings), json_file)
    if missing:
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True)
class _Agent:
    """The agent to check. Its name is empty if its worker, which is started, gives it one."""

    name: str
    worker: str | None
    folder: Path
    scenarios: Path
    metadata: Mapping[str, Any]
    timeout: float


class _Check:
    """A conformance check: its sandbox, its worker, its agent."""

    def __init__(
        self, agent: _Agent, *, modes: Collection[Mode], words: str, answer: float, sandbox: bool, err: bool
    ) -> None:
        self._agent, self._modes = agent, modes
        self._words, self._answer, self._sandbox, self._err = words, answer, sandbox, err
        self.agent_name = agent.name

    async def run(self) -> list[Finding]:
        """Make the check."""
        from contextlib import AsyncExitStack

        from ...conformance.checked_room import Subject
        from ...conformance.examination import check_agent as examine

        async with AsyncExitStack() as stack:
            settings, environment, box = await self._settings(stack)
            if self._agent.worker is not None:
                await self._start_worker(stack, self._agent.worker, settings, environment)
            subject = Subject(
                agent_name=self.agent_name,
                settings=settings,
                metadata=self._agent.metadata,
                words=self._words,
                patience=self._agent.timeout,
                answer=self._answer,
            )
            more: dict[str, Any] = {"make_channel": box.make_voice_channel} if box else {}
            return await examine(subject, modes=self._modes, on_finding=lambda each: _show(each, err=self._err), **more)

    async def _settings(self, stack: AsyncExitStack) -> tuple[Settings, dict[str, str], Sandbox | None]:
        """Return keys and addresses, the worker's environment, and the sandbox if there is one."""
        import os
        import tempfile

        from ...trigger.settings.settings import Settings

        if not self._sandbox:
            settings = Settings.from_environment(self._agent.folder, cekura=False)
            return settings, dict(os.environ) | settings.environment, None
        from ...sandbox import Sandbox
        from ...variables import missing_placeholders

        file = self._agent.scenarios
        if not file.exists():
            file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / file.name
            file.write_text(_NO_SCENARIO, encoding="utf-8")
        box = await stack.enter_async_context(Sandbox(file, say=lambda text: say(text, err=self._err)))
        own = dict(os.environ) | missing_placeholders(os.environ)
        names = ("CEKURA_API_KEY", "CEKURA_API_URL", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
        settings = Settings.model_validate({each.lower(): box.environment[each] for each in names})
        return settings, own | box.environment, box

    async def _start_worker(
        self, stack: AsyncExitStack, command: str, settings: Settings, environment: dict[str, str]
    ) -> None:
        from ...trigger.settings.redaction import Redaction
        from ...trigger.stop import grace_after
        from ...trigger.worker.worker import Worker

        say("Starting the worker.", err=self._err)
        worker = Worker(
            command,
            folder=self._agent.folder,
            environment=environment,
            agent_name=self.agent_name,
            concurrency=3,
            redaction=Redaction(settings.secrets),
        )
        stack.callback(worker.delete_log)
        stack.push_async_exit(lambda kind, *_: worker.stop(within=grace_after(kind).worker))
        await worker.start()
        self.agent_name = worker.agent_name


def _agent(suite: Path | None, *, agent_name: str | None, worker: str | None) -> _Agent:
    """Return the agent that the suite or the options name. One that is named alone is served already.

    Raises:
        SuiteError: nothing names an agent, or the suite is wrong.
    """
    from ...errors import SuiteError
    from ...file_names import SCENARIOS
    from ...trigger.plan.suite import Suite

    given = agent_name is not None or worker is not None
    if suite is None:
        if not given:
            raise SuiteError("nothing names the agent", hint="give a suite, `--agent-name` or `--worker`")
        here = Path.cwd()
        return _Agent(
            name=agent_name or "", worker=worker, folder=here, scenarios=here / SCENARIOS, metadata={}, timeout=_TIMEOUT
        )
    loaded = Suite.load(suite)
    return _Agent(
        name=agent_name or loaded.agent_name or "",
        worker=worker if given else loaded.worker,
        folder=loaded.folder,
        scenarios=loaded.scenarios_file,
        metadata=loaded.metadata,
        timeout=loaded.agent_timeout,
    )


def _modes(mode: str | None) -> Collection[Mode]:
    from ...contract import Mode
    from ...errors import SuiteError

    if mode is None:
        return tuple(Mode)
    if mode not in set(Mode):
        raise SuiteError(f"--mode is {mode!r}", hint="write `text` or `voice`, or leave it out for both")
    return (Mode(mode),)


def _seconds(duration: str) -> float:
    from ...errors import SuiteError
    from ...yaml_files import seconds

    try:
        return seconds(duration)
    except ValueError as error:
        raise SuiteError(f"--answer-timeout: {error}", hint="write it like `20s` or `1m`") from None


def _show(finding: Finding, *, err: bool) -> None:
    from ...report.sanitize import console_line

    clause = finding.clause
    lines = [f"{_MARKS[finding.outcome]}  {clause.place:<6}  {clause.name:<14}  {console_line(finding.detail, 300)}"]
    if finding.outcome == "missing":
        lines += [f"{'':<33}requires: {clause.requires}", f"{'':<33}hint: {clause.hint}"]
    say("\n".join(lines), err=err)


def _summary(findings: list[Finding]) -> str:
    from ...counting import counted

    missing = [f"{each.clause.place}: {each.clause.name}" for each in findings if each.outcome == "missing"]
    skipped = sum(each.outcome == "skipped" for each in findings)
    unseen = f" {counted(skipped, 'clause')} could not be seen." if skipped else ""
    if missing:
        return f"Missing, of the contract: {', '.join(missing)}.{unseen}"
    return f"The agent keeps every clause that could be seen.{unseen}"
