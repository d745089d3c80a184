"""Tools of the agent in a signed test: doubles, refusals, and which tools really run.

Applied where livekit-agents hands a tool to its executor, for every agent, task and toolset. An agent that calls its
own method directly is not reached.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any, Final

from ..doubles import OTHERS, Behaviour, Double, behaviours_of
from .job import JobUnderTest
from .options import Fake
from .tool_execution import Execute, ToolExecution, install, is_context, parameters_of, tool_error

logger = logging.getLogger("cekura_agent_kit")

_CONTEXTS: Final = frozenset({"context", "ctx"})


class Tools:
    """Tools of one job: which of them run, and what stands for the others.

    Args:
        behaviours: by the names of the tools; the suite's.
        fakes: by the names of the tools; the code's. A behaviour of the same name wins.

    Attributes:
        doubled: ids of the calls that did not reach the agent's own tool.
    """

    def __init__(self, behaviours: Mapping[str, Behaviour], fakes: Mapping[str, Fake]) -> None:
        self.doubled: set[str] = set()
        self._behaviours, self._fakes = behaviours, fakes
        self._used: dict[str, set[int]] = {}
        self._seen: set[str] = set()
        self._notes: list[str] = []

    async def execute(self, call: ToolExecution) -> Any:
        """Execute a call of a tool as the test wants it; return or raise as a tool does."""
        if call.is_mocked:  # mock_tools of a test in this process
            self.doubled.add(call.id)
            return await call.run()
        behaviour: Behaviour | Fake | None = self._behaviours.get(call.name, self._fakes.get(call.name))
        if behaviour is None:
            behaviour = "run" if call.is_of_framework else self._behaviours.get(OTHERS, "run")
        if behaviour == "run":
            return await call.run()
        self.doubled.add(call.id)
        if isinstance(behaviour, Double):
            return self._answer(behaviour, call)
        if callable(behaviour):
            return await _call_fake(behaviour, call)
        self._note_handoff(call)
        raise tool_error(f"{call.name} is not available in a test")

    def saw(self, tools: Mapping[str, Any]) -> None:
        """Record the tools that some agent has, by their names, and note which doubles do not fit them."""
        for name, tool in tools.items():
            if name not in self._seen and name in (self._behaviours.keys() | self._fakes.keys()):
                self._note_misfits(name, parameters_of(tool))
        self._seen.update(tools)

    def notes(self) -> list[str]:
        """Return what is wrong with the doubles, as far as the test has shown."""
        return [*self._notes, *self._never_seen()]

    def on_session_closed(self, *_: object) -> None:
        """Log which doubles stood for no tool."""
        for note in self._never_seen():
            logger.warning("%s", note)

    def _never_seen(self) -> list[str]:
        never = [name for name in {**self._behaviours, **self._fakes} if name != OTHERS and name not in self._seen]
        return [f"no agent of this test had a tool {name!r}, which `tools` names" for name in never]

    def _answer(self, double: Double, call: ToolExecution) -> Any:
        chosen = double.choose(call.arguments, self._used.setdefault(call.name, set()))
        if chosen is None:
            raise tool_error(f"{call.name} has no answer for these arguments in this test")
        value = chosen.filled(call.arguments)
        if chosen.is_error:
            raise tool_error(value)
        return value

    def _note_misfits(self, name: str, parameters: set[str] | None) -> None:
        """Note what the double of a tool uses and the tool does not have."""
        behaviour: Behaviour | Fake | None = self._behaviours.get(name, self._fakes.get(name))
        if parameters is None or isinstance(behaviour, str):
            return
        used = [answer.names for answer in behaviour.answers] if isinstance(behaviour, Double) else [_needs(behaviour)]
        for unknown in sorted(set().union(*used) - parameters):
            self._note(f"the double of {name} uses {unknown!r}, which is no argument of the tool")

    def _note_handoff(self, call: ToolExecution) -> None:
        if call.may_hand_over:
            self._note(f"{call.name} may hand over to another agent, and was refused: name it in `tools`")

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)
            logger.warning("%s", text)


def add_tools(job: JobUnderTest, fakes: Mapping[str, Fake]) -> None:
    """Give a signed test its doubles, if it has any.

    Raises:
        KitError: livekit-agents has no place where tools can be replaced: no tool may run then.
    """
    behaviours = behaviours_of(job.permit.tools) if job.permit is not None else {}
    if fakes and job.permit is None:
        logger.warning("the test is not signed: its tools really run, those of wrap_entrypoint(tools=…) too")
    if job.permit is None or not (behaviours or fakes):
        return
    job.add(Tools(behaviours, fakes))
    install(_execute_of, _saw)


def _execute_of(session: Any) -> Execute | None:
    job = JobUnderTest.of_session(session) or JobUnderTest.current()
    tools = job.part(Tools) if job is not None else None
    return tools.execute if tools is not None else None


def _saw(seen: Mapping[str, Any]) -> bool:
    job = JobUnderTest.current()
    tools = job.part(Tools) if job is not None else None
    if tools is None:
        return False
    tools.saw(seen)
    return True


async def _call_fake(fake: Fake, call: ToolExecution) -> Any:
    """Call a fake with those of the arguments that it names."""
    parameters = inspect.signature(fake).parameters.values()
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters)
    given = dict(call.arguments) if takes_all else {}
    for each in parameters:
        if each.name in call.arguments:
            given[each.name] = call.arguments[each.name]
        elif _gets_context(each):
            given[each.name] = call.context
    result = fake(**given)
    return await result if inspect.isawaitable(result) else result


def _needs(fake: Any) -> set[str]:
    """Return the arguments without which a fake cannot be called; none if its signature is not known."""
    try:
        parameters = inspect.signature(fake).parameters.values()
    except (TypeError, ValueError):
        return set()
    return {
        each.name
        for each in parameters
        if each.default is each.empty
        and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
        and not _gets_context(each)
    }


def _gets_context(parameter: inspect.Parameter) -> bool:
    return parameter.name in _CONTEXTS or is_context(parameter)
