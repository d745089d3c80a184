"""Client for Cekura's HTTP API: starts, which are sent once, and reads, which are retried."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx
import stamina

from ...contract import Mode
from ...errors import CekuraError, CekuraRefused, CekuraUnreachable, StartUnknown
from ..json_values import decimal_of, field_of
from ..settings.certificates import TRUST_HINT, not_trusted
from ..settings.proxies import cekura_proxy
from ..settings.settings import Settings
from .api_models import ApiResult, ApiRun, StartAnswer, read_result, read_runs, read_start
from .api_scenario import ApiScenario, read_scenario
from .refusals import refusal_of

START: Final[Mapping[Mode, str]] = {
    Mode.VOICE: "/test_framework/v1/scenarios-external/run_scenarios_livekit/",
    Mode.TEXT: "/test_framework/v1/scenarios-external/run_scenarios_livekit_chat/",
}
BILLED: Final[Mapping[Mode, str]] = {
    Mode.VOICE: "5 credits a minute",
    Mode.TEXT: "0.5 credit a message that the evaluator sends",
}
BULK: Final = 50
"""Ids of one bulk read; the most that Cekura accepts is not documented."""

_RESULTS: Final = "/test_framework/v2/results/"
_RUNS: Final = "/test_framework/v2/runs/"
_BILLING: Final = "/test_framework/billing/info/"
_BALANCE: Final = 5.0
"""Seconds for reading the balance, which no run waits for longer."""
_SCENARIOS: Final = "/test_framework/v2/scenarios/"
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Errors raised before anything of the request was written."""

_log: Final = logging.getLogger("cekura_agent_kit.trigger")


class TryLater(CekuraUnreachable):
    """A read failed in a way that may pass: 429, 5xx, no answer, or one that is not JSON.

    Attributes:
        retry_after: seconds that Cekura asked to wait; None if it did not.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Cekura:
    """Client for one suite; an async context manager. Its errors contain no key."""

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
        """Start runs. Sent once: retried only while nothing has left this machine.

        Args:
            mode: selects the endpoint.
            scenarios: ``scenario``, ``livekit_room_url``, ``access_token``, and in text ``publish_data_message``.
            agent: Cekura's agent id; sent in text only.

        Raises:
            CekuraRefused: 4xx, or a redirect: nothing was started.
            CekuraUnreachable: nothing left this machine.
            StartUnknown: it was sent, and its answer was lost: runs may have been started.
        """
        body: dict[str, Any] = {"scenarios": list(scenarios)}
        if agent is not None and mode is Mode.TEXT:
            body["agent"] = agent
        try:
            async for attempt in stamina.retry_context(on=_may_connect, attempts=3, timeout=30, wait_initial=0.2):
                with attempt:
                    # Over a connection of its own: a kept-alive one may be closed just as the request is written,
                    # and then it is not known whether the request was read.
                    async with self._connection() as connection:
                        reply = await connection.post(self._base + START[mode], json=body)
        except _NEVER_SENT as error:
            raise self._unreachable(error) from None
        except httpx.HTTPError as error:
            raise StartUnknown(f"the start's answer was lost ({type(error).__name__})") from None
        if reply.status_code >= 500:
            raise StartUnknown(f"Cekura answered the start with {reply.status_code}: {_excerpt(reply)}")
        _raise_if_refused(reply)
        try:
            return read_start(reply.json())
        except (ValueError, RecursionError) as error:
            raise StartUnknown(f"the start's answer cannot be read ({error or type(error).__name__})") from None

    async def runs(self, ids: Sequence[int]) -> list[ApiRun]:
        """Read several runs at once; they arrive in any order, and some may be missing."""
        return read_runs(await self._read(f"{_RUNS}bulk/", params={"run_ids": ",".join(map(str, ids))}))

    async def run(self, run_id: int) -> ApiRun | None:
        """Read one run; None if the answer is not a run."""
        found = read_runs([await self._read(f"{_RUNS}{run_id}/")])
        return found[0] if found else None

    async def latest_runs(self, count: int) -> list[ApiRun]:
        """Read the first page of the organization's runs, newest first."""
        return read_runs(await self._read(_RUNS, params={"page_size": count}))

    async def result(self, result_id: int) -> ApiResult | None:
        """Read a result with its runs; None if Cekura does not know the id."""
        with _unless_unknown():
            return read_result(await self._read(f"{_RESULTS}{result_id}/"), result_id)
        return None

    async def scenario(self, scenario: int) -> ApiScenario | None:
        """Read a scenario; None if Cekura does not know the id."""
        with _unless_unknown():
            return read_scenario(await self._read(f"{_SCENARIOS}{scenario}/"), scenario)
        return None

    async def scenario_page(self, number: int, *, size: int, agent: int | None = None, tag: str = "") -> Any:
        """Read one page of the list of scenarios, as it is.

        Args:
            number: of the page, from 1.
            size: scenarios of a page.
            agent: only scenarios of this agent of Cekura's.
            tag: only scenarios with this tag.

        Returns:
            The page; None if there is none of that number.
        """
        params: dict[str, Any] = {"page": number, "page_size": size}
        params |= {"agent_id": agent} if agent is not None else {}
        params |= {"tags": tag} if tag else {}
        # There is a first page, also of an empty list.
        with _unless_unknown() if number > 1 else nullcontext():
            return await self._read(_SCENARIOS, params=params)
        return None

    async def balance(self) -> float | None:
        """Read the credits that are left; None if the key may not read them, or Cekura does not answer in time."""
        try:
            async with asyncio.timeout(_BALANCE):
                return decimal_of(field_of(await self._read(_BILLING), "credits_remaining"))
        except (CekuraError, TimeoutError) as error:
            _log.info("the balance was not read: %s", error or "no answer")
            return None

    async def end_run(self, run_id: int) -> None:
        """End a run's call; succeeds for a run that has ended or is not known."""
        await self._end(f"{_RUNS}{run_id}/end_call/")

    async def end_result(self, result_id: int) -> None:
        """End all calls of a result."""
        await self._end(f"{_RESULTS}{result_id}/end_calls/")

    async def _end(self, path: str) -> None:
        # Ending a call twice changes nothing, so this may be retried.
        async for attempt in stamina.retry_context(on=TryLater, attempts=3, timeout=10, wait_initial=0.2, wait_max=1):
            with attempt:
                reply = await self._receive("POST", path)
                if reply.status_code != 404:
                    _raise_if_refused(reply)

    async def _read(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        async for attempt in stamina.retry_context(
            on=_passes_soon, attempts=4, timeout=20, wait_initial=0.2, wait_max=2
        ):
            with attempt:
                reply = await self._receive("GET", path, params=params)
                _raise_if_refused(reply)
                try:
                    value = reply.json()
                except (ValueError, RecursionError):
                    raise TryLater(f"Cekura's answer is not JSON: {_excerpt(reply)}") from None
        return value

    async def _receive(self, method: str, path: str, **what: Any) -> httpx.Response:
        """Return an answer other than 429 and 5xx."""
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
            # A proxy named in the environment is for hosted services, never for this machine's.
            trust_env=not self._settings.local_cekura,
            # Made here, since without `trust_env` the client would ignore SSL_CERT_FILE, too.
            verify=httpx.create_ssl_context(),
            follow_redirects=False,
        )

    def _unreachable(self, error: httpx.HTTPError) -> CekuraUnreachable:
        server, proxy = f"Cekura at {httpx.URL(self._base).host}", cekura_proxy(self._base)
        if reason := not_trusted(error):
            # Not to be tried again: it would be the same certificate.
            return CekuraUnreachable(f"{server} has a certificate that is not trusted: {reason}", hint=TRUST_HINT)
        if proxy is None:
            return TryLater(
                f"{server} does not answer ({type(error).__name__})",
                hint="check CEKURA_API_URL, and the network between here and Cekura",
            )
        said = f": {error}" if isinstance(error, httpx.ProxyError) and str(error) else ""
        return TryLater(
            f"{server} cannot be reached through {proxy} ({type(error).__name__}{said})",
            hint=f"check {proxy.variable}, and that the proxy lets this machine connect to Cekura",
        )


def first_line(error: CekuraError) -> str:
    """Return the first line of an error, for logs."""
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__


def _raise_if_refused(reply: httpx.Response) -> None:
    if 300 <= reply.status_code < 500:
        raise refusal_of(reply.status_code, _excerpt(reply), reply.text)


@contextmanager
def _unless_unknown() -> Iterator[None]:
    """Leave the block where Cekura answers that it does not know what is asked for."""
    try:
        yield
    except CekuraRefused as error:
        if error.status != 404:
            raise


def _may_connect(error: Exception) -> bool:
    return isinstance(error, _NEVER_SENT) and not not_trusted(error)


def _passes_soon(error: Exception) -> bool:
    # If Cekura names a time to retry, the poller waits for it; retrying sooner would lengthen it.
    return isinstance(error, TryLater) and error.retry_after is None


def _excerpt(reply: httpx.Response) -> str:
    """Return the answer's own words, on one line."""
    text = " ".join(reply.text.split())
    if "<html" in text[:200].lower():
        return "an HTML page"
    return (text if len(text) <= 300 else text[:297] + "...") or "an empty body"


def _retry_after(reply: httpx.Response) -> float | None:
    """Return seconds, 0 to 120; Cekura may send seconds, a date, or nothing."""
    value = reply.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value[:1].isdigit() else _until(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), 120.0)


def _until(date: str) -> float:
    at = parsedate_to_datetime(date)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
