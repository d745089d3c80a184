"""Client for LiveKit's server API: rooms, participants, agent dispatches. Plain HTTP, within one request budget."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

import aiohttp
import stamina
from google.protobuf.message import DecodeError
from livekit import api
from livekit.protocol.models import ParticipantInfo, TrackType

from ...addresses import without_credentials
from ...errors import ForeignServer, LiveKitError, LiveKitUnreachable, NoSuchRoom
from ...variables import no_proxies
from ..settings.certificates import TRUST_HINT, not_trusted
from ..settings.proxies import livekit_proxy
from ..settings.settings import Settings
from .budget import Budget
from .room_list import ListedRoom, RoomList

T = TypeVar("T")

_log: Final = logging.getLogger("cekura_agent_kit.trigger")

_ANSWER_TIMEOUT: Final = 8.0
"""Seconds. `list_dispatch` on a deleted room takes 3; every other answer takes 0.1."""
_CONNECT_TIMEOUT: Final = 4.0

State = Literal["joining", "joined", "active", "disconnected"]
_STATES: Final[Mapping[int, State]] = {
    ParticipantInfo.State.JOINING: "joining",
    ParticipantInfo.State.JOINED: "joined",
    ParticipantInfo.State.ACTIVE: "active",
    ParticipantInfo.State.DISCONNECTED: "disconnected",
}


@dataclass(frozen=True)
class Participant:
    """Participant as the server lists it. ``joined_at`` is the server's own clock, Unix seconds; ``id`` a join's."""

    identity: str
    state: State
    is_agent: bool
    attributes: Mapping[str, str] = field(default_factory=dict)
    joined_at: float = 0.0
    audio_tracks: int = 0
    id: str = ""


class LiveKit:
    """Client for one suite; an async context manager. Every error is a `LiveKitError` without a token in it."""

    def __init__(self, settings: Settings, budget: Budget) -> None:
        self._settings = settings
        self.budget = budget
        self.refusals = 0  # connections that the server refused: it was not running
        self._list = RoomList(self._list_rooms)
        self._environment = ExitStack()
        self._session: aiohttp.ClientSession | None = None
        self._api: api.LiveKitAPI | None = None

    async def __aenter__(self) -> Self:
        # A proxy named in the environment is for hosted servers, never for this machine's.
        if self._settings.local_livekit:
            # LiveKit's native client reads the environment when it joins a room, and ignores NO_PROXY.
            self._environment.enter_context(no_proxies())
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT, sock_connect=_CONNECT_TIMEOUT),
            trust_env=not self._settings.local_livekit,
        )
        self._api = api.LiveKitAPI(
            self._settings.livekit_url,
            self._settings.livekit_api_key.get_secret_value(),
            self._settings.livekit_api_secret.get_secret_value(),
            session=self._session,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._list.close()
        if self._session:
            await self._session.close()
        self._environment.close()

    async def rooms(self, names: list[str] | None = None) -> list[ListedRoom]:
        """List all rooms of the project, or those of ``names`` that exist; several calls may share a request."""
        return await self._list.find(names) if names else await self._list_rooms(lambda: [])

    async def _list_rooms(self, names: Callable[[], Sequence[str]]) -> list[ListedRoom]:
        reply = await self._request(lambda to: to.room.list_rooms(api.ListRoomsRequest(names=names())))
        return [ListedRoom(room.name, room.metadata, float(room.creation_time), room.sid) for room in reply.rooms]

    async def create_room(self, name: str, *, metadata: str, lasts: float) -> str:
        """Create a room that exists for ``lasts`` seconds without a caller, and return its id; see `ListedRoom`."""
        request = api.CreateRoomRequest(
            name=name, metadata=metadata, empty_timeout=int(lasts), departure_timeout=int(lasts)
        )
        return (await self._request(lambda to: to.room.create_room(request))).sid

    async def set_room_metadata(self, name: str, metadata: str) -> None:
        """Replace a room's metadata."""
        request = api.UpdateRoomMetadataRequest(room=name, metadata=metadata)
        await self._request(lambda to: to.room.update_room_metadata(request))

    async def delete_room(self, name: str) -> None:
        """Delete a room; succeeds for a room that does not exist."""
        with suppress(NoSuchRoom):
            await self._request(lambda to: to.room.delete_room(api.DeleteRoomRequest(room=name)), urgent=True)

    async def participants(self, room: str, *, urgent: bool = False) -> list[Participant]:
        """List the participants of a room, without disconnected ones.

        Raises:
            NoSuchRoom: the room does not exist.
        """
        request = api.ListParticipantsRequest(room=room)
        reply = await self._request(lambda to: to.room.list_participants(request), urgent=urgent)
        return [each for each in map(_participant, reply.participants) if each.state != "disconnected"]

    async def set_attribute(self, room: str, identity: str, name: str) -> None:
        """Set an attribute of a participant to ``true``."""
        request = api.UpdateParticipantRequest(room=room, identity=identity, attributes={name: "true"})
        await self._request(lambda to: to.room.update_participant(request), urgent=True)

    async def dispatch(
        self, room: str, *, agent_name: str, metadata: str, attributes: Mapping[str, str] | None = None
    ) -> str:
        """Dispatch an agent to the room. Returns the dispatch's id."""
        request = api.CreateAgentDispatchRequest(room=room, agent_name=agent_name, metadata=metadata)
        if attributes:
            request.attributes.update(attributes)
        return (await self._request(lambda to: to.agent_dispatch.create_dispatch(request))).id

    async def jobs(self, room: str, dispatch: str) -> int:
        """Return the number of jobs of the dispatch so far; the server lists them 0.2 to 5 s late."""
        listed = await self._request(lambda to: to.agent_dispatch.list_dispatch(room))
        return sum(len(each.state.jobs) for each in listed if each.id == dispatch)

    async def delete_dispatch(self, room: str, dispatch: str) -> None:
        """Delete a dispatch: ends its job, and keeps a pending one from being served."""
        with suppress(NoSuchRoom):
            await self._request(lambda to: to.agent_dispatch.delete_dispatch(dispatch, room), urgent=True)

    async def server_time(self) -> float | None:
        """Return the server's clock, Unix seconds without fraction, by its answer's header; None without one."""
        assert self._session is not None, "LiveKit is used outside its context"
        url = "http" + self._settings.room_url[2:]
        try:
            async with self._session.get(url) as reply:
                return parsedate_to_datetime(reply.headers["Date"]).timestamp()
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError) as error:
            _log.debug("LiveKit's clock is not known: %s", type(error).__name__)
            return None

    async def _request(self, call: Callable[[api.LiveKitAPI], Awaitable[T]], *, urgent: bool = False) -> T:
        assert self._api is not None, "LiveKit is used outside its context"
        await self.budget.acquire(urgent=urgent)
        try:
            # The SDK passes a timeout of None, which for aiohttp means none, whatever its session has.
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                reply = await call(self._api)
        except api.TwirpError as error:
            # A new error, not chained: the original's text may contain a token.
            raise self._refusal(error) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from None
        except DecodeError:
            raise self._foreign() from None
        self.budget.speed_up()
        return reply

    def _unreachable(self, error: BaseException) -> LiveKitUnreachable:
        if reason := not_trusted(error):
            return LiveKitUnreachable(
                f"{self._server} has a certificate that is not trusted: {reason}", hint=TRUST_HINT
            )
        proxy = livekit_proxy(self._settings.livekit_url)
        if proxy is not None:
            return LiveKitUnreachable(
                f"{self._server} cannot be reached through {proxy} ({_cause(error)})",
                hint=f"check {proxy.variable}, and that the proxy lets this machine connect to LiveKit",
            )
        self.refusals += _is_refused(error)
        return LiveKitUnreachable(
            f"{self._server} does not answer ({_cause(error)})",
            hint="check LIVEKIT_URL, and that the server runs and can be reached from here",
            refused=_is_refused(error),
        )

    def _refusal(self, error: api.TwirpError) -> LiveKitError:
        if error.status in (401, 403):
            return LiveKitError(
                f"{self._server} refuses the key ({error.status})",
                hint="check LIVEKIT_API_KEY and LIVEKIT_API_SECRET: both, and that they belong to LIVEKIT_URL",
            )
        if error.status == 429:
            self.budget.slow_down()
            return LiveKitUnreachable(
                f"{self._server} limits requests (429)", hint="lower `concurrency` to run fewer at once"
            )
        # A room deleted a moment ago: `not_found`, and for its dispatches `unavailable`.
        if error.code == "not_found":
            return NoSuchRoom(f"{self._server}: {error.message or 'no such room'}")
        if error.status == 404:
            return self._foreign()
        return LiveKitUnreachable(f"{self._server} answered {error.status} {error.code}: {error.message}")

    def _foreign(self) -> LiveKitError:
        return ForeignServer(
            f"{self._server} is not a LiveKit server: its answer cannot be read", hint="check LIVEKIT_URL"
        )

    @property
    def _server(self) -> str:
        return f"LiveKit at {without_credentials(self._settings.livekit_url)}"


def participant_token(settings: Settings, *, room: str, identity: str, ttl: float, hidden: bool = False) -> str:
    """Return a token for one participant in one room for ``ttl`` seconds, with the grants it needs and no others."""
    # Whether an evaluator in text publishes a track is not documented, so it may.
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=not hidden,
        can_publish_data=not hidden,
        can_subscribe=True,
        hidden=True if hidden else None,
    )
    return (
        api.AccessToken(settings.livekit_api_key.get_secret_value(), settings.livekit_api_secret.get_secret_value())
        .with_identity(identity)
        .with_grants(grants)
        .with_ttl(timedelta(seconds=ttl))
        .to_jwt()
    )


async def retried(action: Callable[[], Awaitable[Any]], *, within: float) -> LiveKitError | None:
    """Run a request, again while LiveKit does not answer, for up to ``within`` seconds.

    Returns:
        None when it succeeded, else the last error.
    """
    last = LiveKitUnreachable(f"LiveKit did not answer within {within:g} s")
    try:
        async with asyncio.timeout(within):
            async for attempt in stamina.retry_context(
                on=LiveKitUnreachable, attempts=None, timeout=within, wait_initial=0.1, wait_max=2.0, wait_jitter=0.1
            ):
                with attempt:
                    try:
                        await action()
                    except LiveKitUnreachable as error:
                        last = error
                        raise
    except TimeoutError:
        return last
    except LiveKitError as error:
        return error
    return None


def _participant(info: ParticipantInfo) -> Participant:
    return Participant(
        identity=info.identity,
        state=_STATES.get(info.state, "joining"),
        is_agent=info.kind == ParticipantInfo.Kind.AGENT,
        attributes=dict(info.attributes),
        # Milliseconds since livekit-server 1.8; whole seconds before.
        joined_at=info.joined_at_ms / 1000 if info.joined_at_ms else float(info.joined_at),
        audio_tracks=sum(track.type == TrackType.AUDIO for track in info.tracks),
        id=info.sid,
    )


def _is_refused(error: BaseException) -> bool:
    """Return True if no process listens at the address. A name that cannot be resolved says nothing of the server."""
    return isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError)


def _cause(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"it answered {error.status}"
    return str(error) if isinstance(error, OSError) and str(error) else type(error).__name__
