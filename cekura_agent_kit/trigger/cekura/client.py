"""Cekura's HTTP API: starts, which are sent once, and reads, which are sent again."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx
import stamina

from ...contract import Mode
from ...errors import CekuraError, CekuraRefused, CekuraUnreachable, StartUnknown
from ..settings import Settings
from .api_models import ApiRun, StartAnswer, read_runs, read_start

START: Final[Mapping[Mode, str]] = {
    Mode.VOICE: "/test_framework/v1/scenarios-external/run_scenarios_livekit/",
    Mode.TEXT: "/test_framework/v1/scenarios-external/run_scenarios_livekit_chat/",
}
BILLED: Final[Mapping[Mode, str]] = {
    Mode.VOICE: "5 credits a minute",
    Mode.TEXT: "0.5 credit a message that the evaluator sends",
}
BULK: Final = 50
"""Ids of one bulk read; the most that Cekura takes is not documented."""

_RUNS: Final = "/test_framework/v2/runs/"
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Raised before anything of the request was written."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class TryLater(CekuraUnreachable):
    """A read failed in a way that may pass: 429, 5xx, no answer, or one that is no JSON.

    Attributes:
        retry_after: seconds, as Cekura asked for; None where it did not.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Cekura:
    """A client for one suite; an async context manager. Its errors carry no key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = settings.cekura_api_url.rstrip("/")
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._client = self._connection()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client:
            await self._client.aclose()

    async def start(
        self, mode: Mode, scenarios: Sequence[Mapping[str, Any]], *, agent: int | None = None
    ) -> StartAnswer:
        """Start runs. Sent once: only an attempt that never left this machine is repeated.

        Args:
            mode: which endpoint.
            scenarios: ``scenario``, ``livekit_room_url``, ``access_token``, and in text ``publish_data_message``.
            agent: Cekura's agent id; in text only.

        Raises:
            CekuraRefused: 4xx, or a redirect: nothing was started.
            CekuraUnreachable: it never left this machine.
            StartUnknown: it was sent, and what came of it is not known.
        """
        body: dict[str, Any] = {"scenarios": list(scenarios)}
        if agent is not None and mode is Mode.TEXT:
            body["agent"] = agent
        try:
            async for attempt in stamina.retry_context(on=_NEVER_SENT, attempts=3, timeout=30, wait_initial=0.2):
                with attempt:
                    # Over a connection of its own: one kept alive may be closed just as the request is written, and
                    # then nobody knows whether it was read.
                    async with self._connection() as connection:
                        reply = await connection.post(self._base + START[mode], json=body)
        except _NEVER_SENT as error:
            raise self._unreachable(error) from None
        except httpx.HTTPError as error:
            raise StartUnknown(f"the start's answer was lost ({type(error).__name__})") from None
        if reply.status_code >= 500:
            raise StartUnknown(f"Cekura answered the start with {reply.status_code}: {_excerpt(reply)}")
        self._refuse(reply)
        try:
            return read_start(reply.json())
        except (ValueError, RecursionError) as error:
            raise StartUnknown(f"the start's answer cannot be read ({error or type(error).__name__})") from None

    async def runs(self, ids: Sequence[int]) -> list[ApiRun]:
        """Several runs in one read; in any order, and some may be missing."""
        return read_runs(await self._read(f"{_RUNS}bulk/", params={"run_ids": ",".join(map(str, ids))}))

    async def run(self, run_id: int) -> ApiRun | None:
        """One run; None where what came is none."""
        found = read_runs([await self._read(f"{_RUNS}{run_id}/")])
        return found[0] if found else None

    async def latest_runs(self, count: int) -> list[ApiRun]:
        """The first page of the organization's runs."""
        return read_runs(await self._read(_RUNS, params={"page_size": count}))

    async def scenario_exists(self, scenario: int) -> bool:
        """Whether Cekura knows the scenario."""
        try:
            await self._read(f"/test_framework/v1/scenarios/{scenario}/")
        except CekuraRefused as error:
            if error.status == 404:
                return False
            raise
        return True

    async def end_run(self, run_id: int) -> None:
        """End a run's call; one that has ended or is not known is ended."""
        await self._end(f"{_RUNS}{run_id}/end_call/")

    async def end_result(self, result_id: int) -> None:
        """End all calls of a result."""
        await self._end(f"/test_framework/v2/results/{result_id}/end_calls/")

    async def _end(self, path: str) -> None:
        # To end what has ended changes nothing, so this may be sent again.
        async for attempt in stamina.retry_context(on=TryLater, attempts=3, timeout=10, wait_initial=0.2, wait_max=1):
            with attempt:
                reply = await self._receive("POST", path)
                if reply.status_code != 404:
                    self._refuse(reply)

    async def _read(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        async for attempt in stamina.retry_context(
            on=_passes_soon, attempts=4, timeout=20, wait_initial=0.2, wait_max=2
        ):
            with attempt:
                reply = await self._receive("GET", path, params=params)
                self._refuse(reply)
                try:
                    value = reply.json()
                except (ValueError, RecursionError):
                    raise TryLater(f"Cekura's answer is no JSON: {_excerpt(reply)}") from None
        return value

    async def _receive(self, method: str, path: str, **what: Any) -> httpx.Response:
        """An answer other than 429 and 5xx."""
        assert self._client is not None, "Cekura is used outside its context"
        try:
            reply = await self._client.request(method, self._base + path, **what)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if reply.status_code == 429 or reply.status_code >= 500:
            raise TryLater(f"Cekura answered {reply.status_code}: {_excerpt(reply)}", retry_after=_retry_after(reply))
        return reply

    def _connection(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"X-CEKURA-API-KEY": self._settings.cekura_api_key.get_secret_value()},
            timeout=_TIMEOUT,
            # A proxy named in the environment serves hosted services, never this machine's.
            trust_env=not self._settings.local_cekura,
            follow_redirects=False,
        )

    def _refuse(self, reply: httpx.Response) -> None:
        status, said = reply.status_code, _excerpt(reply)
        if status in (401, 403):
            raise CekuraRefused(
                f"Cekura refuses the key ({status}): {said}",
                status=status,
                body=reply.text,
                hint="check CEKURA_API_KEY: the key, and that it belongs to the organization of these scenarios",
            )
        if 300 <= status < 500:
            raise CekuraRefused(
                f"Cekura answered {status}: {said}", status=status, body=reply.text, hint=_hint_for(status, said)
            )

    def _unreachable(self, error: httpx.HTTPError) -> TryLater:
        host = httpx.URL(self._base).host
        return TryLater(
            f"Cekura at {host} does not answer ({type(error).__name__})",
            hint="check CEKURA_API_URL, and the network or proxy between here and Cekura",
        )


def explain(error: CekuraError) -> str:
    """One line of what went wrong, for logs."""
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__


def _passes_soon(error: Exception) -> bool:
    # Where Cekura says when to come back, whoever reads in turns waits for so long; hurrying would lengthen it.
    return isinstance(error, TryLater) and error.retry_after is None


def _hint_for(status: int, said: str) -> str:
    words = said.lower()
    if status == 402 or any(sign in words for sign in ("balance", "credit", "subscription", "expired", "quota")):
        return "check the credits and the plan of your Cekura organization"
    if status < 400:
        return "check CEKURA_API_URL: something else answers there, a login page or a proxy"
    if status == 404:
        return "check CEKURA_API_URL and the ids in the suite"
    if status == 429:
        return "Cekura limits requests: start fewer at once, or try again in a minute"
    if "room" in words or "token" in words or "livekit" in words:
        return "check LIVEKIT_URL: Cekura must reach it from outside"
    return "check the scenario ids and the agent in the suite"


def _excerpt(reply: httpx.Response) -> str:
    """The answer's own words, on one line."""
    text = " ".join(reply.text.split())
    if "<html" in text[:200].lower():
        return "an HTML page"
    return (text if len(text) <= 300 else text[:297] + "...") or "without a word"


def _retry_after(reply: httpx.Response) -> float | None:
    """Seconds, 0 to 120; Cekura may send seconds, a date, or nothing."""
    value = reply.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value[:1].isdigit() else _until(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), 120.0)


def _until(date: str) -> float:
    at = parsedate_to_datetime(date)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
