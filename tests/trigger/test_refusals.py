"""Refusals of Cekura's: the hint, and whether another start of the suite can succeed."""

from __future__ import annotations

import pytest

from cekura_agent_kit.trigger.cekura.refusals import refusal_of

CREDITS, KEY, IDS = "check the credits", "check CEKURA_API_KEY", "check the scenario ids"


@pytest.mark.parametrize(
    ("status", "body", "final", "hint"),
    [
        (402, "", True, CREDITS),
        (401, '{"detail": "Authentication credentials were not provided."}', True, KEY),
        (403, '{"detail": "Invalid API key."}', True, KEY),
        (403, '{"detail": "Your subscription expired"}', True, CREDITS),
        (400, '["Insufficient balance to run 1 scenario"]', True, CREDITS),
        (400, '{"errors": {"detail": ["Subscription expired on 2026-01-01"]}}', True, CREDITS),
        (400, '{"detail": "You do not have permission to run scenarios of this project"}', True, KEY),
        (400, '["Your organization has been suspended"]', True, KEY),
        (400, '{"scenarios": ["Scenario 30 not found."]}', False, IDS),
        (400, '["No credit card scenario 5501"]', False, IDS),
        (400, '{"access_token": ["This token has expired."]}', False, "check LIVEKIT_URL"),
        (400, '{"access_token": ["It has no permission to join."]}', False, "check LIVEKIT_URL"),
        (400, '{"livekit_room_url": ["Cannot be reached."]}', False, "check LIVEKIT_URL"),
        (404, '{"detail": "Not found."}', False, "check CEKURA_API_URL and the ids"),
        (429, '{"detail": "Request was throttled: quota exceeded."}', False, "start fewer at once"),
        (302, "<html>Log in with your credentials</html>", False, "check CEKURA_API_URL: another server"),
    ],
)
def test_a_refusal_is_final_if_it_speaks_of_key_account_permission_or_credit(
    status: int, body: str, final: bool, hint: str
) -> None:
    refusal = refusal_of(status, body, body)

    assert refusal.final is final
    assert refusal.hint.startswith(hint)
    assert (refusal.status, refusal.body) == (status, body)
    assert f"({status})" in str(refusal) or f"answered {status}" in str(refusal)
