"""Subject of a refusal of Cekura's, by status and words: its hint, and whether another start can succeed. Pure."""

from __future__ import annotations

import re
from typing import Final

from ...errors import CekuraRefused

_KEY: Final = (401, 403)
_CREDIT: Final = re.compile(
    r"insufficient|not enough credit|out of credit|no (?:more )?credits?\b(?! card)|"
    r"credits? (?:exhausted|exceeded|limit)|balance|subscription|billing|payment|quota|"
    r"plan (?:has )?(?:expired|ended)|trial (?:has )?(?:expired|ended)",
    re.IGNORECASE,
)
"""Words of a refusal for lack of credit, whatever its status; 402 was seen once."""
_ACCOUNT: Final = re.compile(
    r"api[ _-]?key|permission|not authori[sz]ed|unauthori[sz]ed|forbidden|"
    r"(?:account|organi[sz]ation) (?:is |has been )?(?:disabled|suspended|inactive|blocked)",
    re.IGNORECASE,
)
"""Words of a refusal of the key or the account, whatever its status."""
_ROOM: Final = re.compile(r"room|token|livekit", re.IGNORECASE)


def refusal_of(status: int, said: str, body: str) -> CekuraRefused:
    """Make the error for an answer of 3xx or 4xx.

    Args:
        status: of the answer.
        said: its words on one line, for the message.
        body: its raw text.
    """
    message = f"Cekura refuses the key ({status}): {said}" if status in _KEY else f"Cekura answered {status}: {said}"
    final = _lacks_credit(status, body) or _refuses_account(status, body)
    return CekuraRefused(message, status=status, body=body, hint=_hint(status, body), final=final)


def _lacks_credit(status: int, body: str) -> bool:
    return status == 402 or (400 <= status < 429 and bool(_CREDIT.search(body)))


def _refuses_account(status: int, body: str) -> bool:
    # A room's token may lack a permission, too.
    speaks = bool(_ACCOUNT.search(body)) and not _ROOM.search(body)
    return status in _KEY or (400 <= status < 429 and speaks)


def _hint(status: int, body: str) -> str:
    if _lacks_credit(status, body):
        return "check the credits and the plan of your Cekura organization"
    if _refuses_account(status, body):
        return "check CEKURA_API_KEY: the key, and that it belongs to the organization of these scenarios"
    if status < 400:
        return "check CEKURA_API_URL: another server answers there, a login page or a proxy"
    if status == 404:
        return "check CEKURA_API_URL and the ids in the suite"
    if status == 429:
        return "start fewer at once, or run it again in a minute: Cekura limits requests"
    if _ROOM.search(body):
        return "check LIVEKIT_URL: Cekura must be able to reach it from outside"
    return "check the scenario ids and the agent in the suite"
