"""A voice and ears, for all that talks in the sandbox: the models' stand-in and the evaluator. No key, no cloud.

The ears know what the voice was asked to speak, in this `Speech`, and nothing else. That is enough: in the sandbox
both sides speak with this voice.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from ...errors import SandboxError

if TYPE_CHECKING:
    from .synthesizer import Synthesizer

RATE: Final = 24_000
"""Samples a second of what is spoken; OpenAI's own rate for ``pcm``."""
_PARTS: Final = {"espeakng_loader": "espeakng-loader", "pocketsphinx": "pocketsphinx"}


def check_installed() -> None:
    """Raise where the extra `sandbox` is not installed.

    Raises:
        SandboxError: names what is missing; its hint is the pip line.
    """
    if missing := [package for module, package in _PARTS.items() if find_spec(module) is None]:
        raise SandboxError(
            f"the sandbox's voice and ears need {' and '.join(missing)}, not installed here",
            hint="pip install 'cekura-agent-kit[sandbox]'",
        )


class Speech:
    """A voice, and ears that understand it. An async context manager; nothing is loaded before it is needed."""

    def __init__(self) -> None:
        self._voice: Synthesizer | None = None
        self._ears: asyncio.subprocess.Process | None = None
        self._listening = asyncio.Lock()
        self._hearing: set[asyncio.Task[str]] = set()
        self._spoken: dict[str, bool] = {}
        """What the voice was asked to speak, in order; and whether the ears were told."""

    async def speak(self, text: str) -> bytes:
        """The text as sound: 16-bit mono PCM of `RATE` samples a second. The ears know it from now on.

        Raises:
            SandboxError: the extra `sandbox` is not installed.
        """
        self._spoken.setdefault(text, False)
        return await asyncio.to_thread(self._speak, text)

    def _speak(self, text: str) -> bytes:
        if self._voice is None:
            check_installed()
            from .synthesizer import Synthesizer

            self._voice = Synthesizer()
        return self._voice.speak(text)

    async def hear(self, pcm: bytes, rate: int) -> str:
        """What was said, in the words that the voice was asked to speak; empty where it was nothing known.

        Args:
            pcm: 16-bit mono PCM.
            rate: its samples a second.

        Raises:
            SandboxError: the extra `sandbox` is not installed, or the ears' process ended.
        """
        # Who stops waiting leaves the answer to be read all the same: it would be taken for the next one's.
        hearing = asyncio.create_task(self._hear(pcm, rate))
        self._hearing.add(hearing)
        hearing.add_done_callback(self._hearing.discard)
        return await asyncio.shield(hearing)

    async def _hear(self, pcm: bytes, rate: int) -> str:
        async with self._listening:
            if self._ears is None:
                self._ears = await self._start_ears()
            try:
                return await self._ask(self._ears, pcm, rate)
            except (ConnectionError, asyncio.IncompleteReadError, ValueError) as error:
                await self._stop_ears()
                raise SandboxError(
                    f"the sandbox's ears ended ({type(error).__name__})",
                    hint="what they printed says why; or run `python -m cekura_agent_kit.sandbox.channels.recognizer`",
                ) from error

    async def wake(self) -> None:
        """Have the ears ready before there is something to hear: their process takes 0.5 to 3 s to start.

        Raises:
            SandboxError: as `hear` does.
        """
        await self.hear(b"", RATE)

    async def _start_ears(self) -> asyncio.subprocess.Process:
        check_installed()
        self._spoken = dict.fromkeys(self._spoken, False)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"{__package__}.recognizer",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C goes to the whole group; ours ends it when the talks are over.
            start_new_session=True,
        )

    async def _ask(self, ears: asyncio.subprocess.Process, pcm: bytes, rate: int) -> str:
        assert ears.stdin is not None
        assert ears.stdout is not None
        learn = [text for text, told in self._spoken.items() if not told]
        request = {"learn": learn, "rate": rate, "bytes": len(pcm)}
        ears.stdin.write(json.dumps(request).encode() + b"\n" + pcm)
        await ears.stdin.drain()
        text = json.loads(await ears.stdout.readuntil())["text"]
        self._spoken.update(dict.fromkeys(learn, True))
        return str(text)

    async def stop(self) -> None:
        """End the ears' process, if there is one."""
        for hearing in self._hearing:
            hearing.cancel()
        await asyncio.gather(*self._hearing, return_exceptions=True)
        await self._stop_ears()

    async def _stop_ears(self) -> None:
        ears, self._ears = self._ears, None
        if ears is not None and ears.returncode is None:
            ears.kill()
            await ears.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
