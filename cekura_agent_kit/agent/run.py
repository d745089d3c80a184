"""A job run as a test, from its first attribute to the last word on what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..contract import KIT_ATTRIBUTE, MODE_ATTRIBUTE, Mode
from ..errors import KitError
from .call import Call, Options
from .data_messages import Mailbox
from .events import witness_of
from .internals import require_text_mode
from .job import JobUnderTest, one_line
from .session import install

if TYPE_CHECKING:
    from livekit.agents import JobContext

logger = logging.getLogger("cekura_agent_kit")


async def run(
    context: JobContext, mode: Mode, options: Options, entrypoint: Callable[[], Coroutine[Any, Any, Any]]
) -> Any:
    """Run the entrypoint as a test.

    What it raises is told as `cekura.error` and, once that could be read, raised again.
    """
    mailbox = Mailbox()
    job = JobUnderTest(context, Call.from_metadata(mode, context.job.metadata, mailbox), options)
    job.tell(**{KIT_ATTRIBUTE: __version__, MODE_ATTRIBUTE: mode})
    try:
        install()
        job.witness = witness_of(job)
        if mode is Mode.TEXT:
            require_text_mode()
            from .text_session import prepare

            prepare(job, mailbox)
            job.start(mailbox.hand_out(), "data_messages")
        return await entrypoint()
    except Exception as error:
        logger.error("the test ends: %s", one_line(error))
        await (job.ending or job.stay(error))
        raise
    finally:
        job.returned.set()


async def refuse(context: JobContext, error: KitError) -> None:
    """End a job whose metadata cannot be understood."""
    logger.error("%s", one_line(error))
    job = JobUnderTest(context, Call(mode=Mode.VOICE), Options())
    job.tell(**{KIT_ATTRIBUTE: __version__})
    await job.stay(error)
    raise error
