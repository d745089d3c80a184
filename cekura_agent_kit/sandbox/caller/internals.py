"""The judge of livekit-agents that judges by instructions of one's own.

Its class is private, and the public factories return it with instructions of theirs. Checked on livekit-agents 1.6.0 to
1.8.9: `accuracy_judge()` returns one, which is made of ``llm``, ``instructions`` and ``name``. Where that is gone, a
`CallerError` says so before anything is judged.
"""

from __future__ import annotations

from typing import Any

from livekit.agents import __version__ as version
from livekit.agents import evals, llm

from ...errors import CallerError


def judge_by(instructions: str, model: llm.LLM[Any], *, name: str) -> Any:
    """Return a judge: ``await judge.evaluate(chat_ctx=…)`` gives ``verdict`` and ``reasoning``.

    Raises:
        CallerError: this version of livekit-agents has no such judge.
    """
    made = type(evals.accuracy_judge())
    try:
        return made(llm=model, instructions=instructions, name=name)
    except TypeError:
        raise CallerError(
            f"livekit-agents {version} has no judge that accepts instructions",
            hint="install a version from 1.6.0 to 1.8.9, with which this is tested",
        ) from None
