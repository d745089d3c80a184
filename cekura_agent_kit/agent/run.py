"""A job that is a test, run from its first attribute to its end."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..contract import KIT_ATTRIBUTE, MODE_ATTRIBUTE, SIGNED, SIGNED_ATTRIBUTE, TESTS_ATTRIBUTE, Mode
from ..errors import KitError, SessionMissing
from .admission import REHEARSAL_FAIL, REHEARSAL_FAKES, Admitted
from .call import Call
from .checks import Checks
from .data_messages import Mailbox
from .ending import Ending
from .events import add_event_sender
from .internals.framework import require_text_mode
from .job import JobUnderTest, one_line
from .last_words import LastWords
from .options import Options
from .pending import PendingWork
from .session import install
from .tools import add_tools

if TYPE_CHECKING:
    from livekit.agents import JobContext

logger = logging.getLogger("cekura_agent_kit")


async def run(context: JobContext, test: Admitted, options: Options, entrypoint: Callable[[], Awaitable[Any]]) -> Any:
    """Run the entrypoint as a test.

    An exception of the entrypoint is published as `cekura.error` and, once it could be read, raised again.
    """
    mailbox = Mailbox()
    call = Call.of(test, mailbox, room_metadata=context.job.room.metadata)
    job = JobUnderTest(context, call, options, permit=test.permit)
    job.set_attributes(
        **{
            KIT_ATTRIBUTE: __version__,
            MODE_ATTRIBUTE: job.call.mode,
            SIGNED_ATTRIBUTE: test.unsigned or SIGNED,
            TESTS_ATTRIBUTE: test.tests,
        }
    )
    if test.unsigned:
        logger.info("this test is not signed: %s", test.unsigned)
    try:
        install()
        job.add(LastWords(job))
        if job.permit is not None:
            job.add(Checks(job, fail_rehearsal=getattr(context, REHEARSAL_FAIL, None)))
            job.add(Ending(job))
        add_tools(job, {**options.tools, **getattr(context, REHEARSAL_FAKES, {})})
        add_event_sender(job)
        if job.call.mode is Mode.TEXT:
            require_text_mode()
            from .text_session import prepare

            prepare(job, mailbox)
        pending = PendingWork(context)
        job.add(pending)
        result = await entrypoint()
        if not job.sessions and job.ending is None:
            _require_pending(pending)
        return result
    except Exception as error:
        logger.error("the test ends: %s", one_line(error))
        await (job.ending or job.show_error(error))
        raise
    finally:
        job.returned.set()


def _require_pending(pending: PendingWork) -> None:
    """Refuse an entrypoint that returned without a session and left nothing that could start one.

    Raises:
        SessionMissing: it did.
    """
    found = pending.describe()
    if not found:
        raise SessionMissing(
            "the entrypoint returned without a session, and left nothing that could start one",
            hint="start an AgentSession in the entrypoint; read the agent's log if it returned early",
        )
    logger.info("the entrypoint returned without a session; what may still start one: %s", ", ".join(found))


async def refuse(context: JobContext, error: KitError) -> None:
    """End a job whose metadata cannot be understood."""
    logger.error("%s", one_line(error))
    job = JobUnderTest(context, Call(mode=Mode.VOICE), Options())
    job.set_attributes(**{KIT_ATTRIBUTE: __version__})
    await job.show_error(error)
    raise error
