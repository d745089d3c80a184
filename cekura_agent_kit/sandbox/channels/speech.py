"""Speech of one speaker in the sandbox: a synthesizer, and a recognizer that knows what was synthesized.

No key and no cloud. The recognizer knows only the texts that this `Speech` has synthesized. In the sandbox that is
enough: both sides speak with its synthesizer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from ...errors import SandboxError
from .pcm import RATE

if TYPE_CHECKING:
    from .synthesizer import Synthesizer

_PACKAGES: Final = {"espeakng_loader": "espeakng-loader", "pocketsphinx": "pocketsphinx"}


def check_installed() -> None:
    """Check that the extra `sandbox` is installed.

    Raises:
        SandboxError: it is not. The text names the missing packages, the hint is the command that installs them.
    """
    if missing := [package for module, package in _PACKAGES.items() if find_spec(module) is None]:
        raise SandboxError(
            f"speech in the sandbox needs {' and '.join(missing)}, not installed here",
            hint="pip install 'cekura-agent-kit[sandbox]'",
        )


class Speech:
    """A synthesizer and a recognizer of what it synthesized. An async context manager. Both start on first use."""

    def __init__(self) -> None:
        self._synthesizer: Synthesizer | None = None
        self._recognizer: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()
        self._requests: set[asyncio.Task[str]] = set()
        self._texts: dict[str, bool] = {}
        """Synthesized texts, in order; true if the recognizer has learned them."""

    async def synthesize(self, text: str) -> bytes:
        """Return the text as 16-bit mono PCM of `RATE` samples a second. The recognizer knows it from now on.

        Raises:
            SandboxError: the extra `sandbox` is not installed.
        """
        self._texts.setdefault(text, False)
        return await asyncio.to_thread(self._synthesize, text)

    def _synthesize(self, text: str) -> bytes:
        if self._synthesizer is None:
            check_installed()
            from .synthesizer import Synthesizer

            self._synthesizer = Synthesizer()
        return self._synthesizer.synthesize(text)

    async def recognize(self, pcm: bytes, rate: int) -> str:
        """Return the synthesized texts in a recording; empty if there are none.

        Args:
            pcm: 16-bit mono PCM.
            rate: its samples a second.

        Raises:
            SandboxError: the extra `sandbox` is not installed, or the recognizer's process ended.
        """
        # A cancelled caller must not leave its answer in the pipe, where the next caller would read it.
        request = asyncio.create_task(self._recognize(pcm, rate))
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)
        return await asyncio.shield(request)

    async def _recognize(self, pcm: bytes, rate: int) -> str:
        async with self._one_at_a_time:
            if self._recognizer is None:
                self._recognizer = await self._start_recognizer()
            try:
                return await self._ask(self._recognizer, pcm, rate)
            except (ConnectionError, asyncio.IncompleteReadError, ValueError) as error:
                await self._stop_recognizer()
                raise SandboxError(
                    f"the sandbox's speech recognizer ended ({type(error).__name__})",
                    hint="its output has the reason; or run `python -m cekura_agent_kit.sandbox.channels.recognizer`",
                ) from error

    async def start_recognizer(self) -> None:
        """Start the recognizer ahead of its first use: its process takes 0.5 to 3 s to start.

        Raises:
            SandboxError: as `recognize`.
        """
        await self.recognize(b"", RATE)

    async def _start_recognizer(self) -> asyncio.subprocess.Process:
        check_installed()
        self._texts = dict.fromkeys(self._texts, False)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"{__package__}.recognizer",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C signals the whole process group. The recognizer must outlive the conversations.
            start_new_session=True,
        )

    async def _ask(self, recognizer: asyncio.subprocess.Process, pcm: bytes, rate: int) -> str:
        assert recognizer.stdin is not None
        assert recognizer.stdout is not None
        learn = [text for text, learned in self._texts.items() if not learned]
        request = {"learn": learn, "rate": rate, "bytes": len(pcm)}
        recognizer.stdin.write(json.dumps(request).encode() + b"\n" + pcm)
        await recognizer.stdin.drain()
        text = json.loads(await recognizer.stdout.readuntil())["text"]
        self._texts.update(dict.fromkeys(learn, True))
        return str(text)

    async def stop(self) -> None:
        """Stop the recognizer's process, if there is one."""
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)
        await self._stop_recognizer()

    async def _stop_recognizer(self) -> None:
        recognizer, self._recognizer = self._recognizer, None
        if recognizer is not None and recognizer.returncode is None:
            recognizer.kill()
            await recognizer.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class Utterances:
    """Recordings of one speaker, recognized one after the other.

    On an overloaded machine an utterance has gaps, and is cut in two. The recognizer knows only whole ones. Therefore a
    recording in which nothing is recognized is recognized once more together with the one before it.

    Args:
        speech: the speaker's.
    """

    SAME: Final = 2.0
    """Seconds between two recordings that may be halves of one utterance."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._before: tuple[bytes, float, float] | None = None

    async def recognize(self, pcm: bytes, rate: int, start: float, end: float) -> tuple[str, float]:
        """Return the words of a recording, and when they began.

        Args:
            pcm, rate: see `Speech.recognize`.
            start, end: of the recording, in seconds of any clock.

        Raises:
            SandboxError: see `Speech.recognize`.
        """
        words = await self._speech.recognize(pcm, rate)
        before = self._before
        if not words and before and start - before[2] < self.SAME:
            pcm, start = before[0] + pcm, before[1]
            words = await self._speech.recognize(pcm, rate)
        self._before = None if words else (pcm, start, end)
        return words, start
