"""`wrap_entrypoint` on a job that is no test, and as what a worker holds and pickles."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from cekura_agent_kit import Call, Mode, current_call, wrap_entrypoint
from cekura_agent_kit.agent.admission import Admitted, admit
from cekura_agent_kit.contract import JobMetadata
from cekura_agent_kit.errors import MetadataError
from cekura_agent_kit.job_keys import may_name_test
from cekura_agent_kit.permit import Key, Permit


def job(metadata: object) -> Any:
    return SimpleNamespace(job=SimpleNamespace(metadata=metadata))


@wrap_entrypoint
async def decorated(ctx: Any) -> Any:
    """Says what it was given."""
    return ctx


@wrap_entrypoint(user_turn=False)
async def decorated_with_options(ctx: Any) -> Any:
    return ctx


async def plain(ctx: Any) -> Any:
    return ctx


class Agency:
    @wrap_entrypoint
    async def entrypoint(self, ctx: Any) -> Any:
        return self, ctx

    async def plain(self, ctx: Any) -> Any:
        return self, ctx


@pytest.mark.parametrize("metadata", ["", None, "no JSON", "[1]", "3", '{"tier": "gold"}', '{"run_id": 3}', object()])
async def test_a_job_that_is_no_test_runs_the_entrypoint_and_nothing_else(metadata: object) -> None:
    ctx = job(metadata)
    tasks = asyncio.all_tasks()
    assert await decorated(ctx) is ctx
    assert vars(ctx) == {"job": ctx.job}
    assert asyncio.all_tasks() == tasks


def fuzzed(random: Random) -> str:
    """Metadata as it should not be: nearly right, or anything."""

    def value(depth: int) -> Any:
        kind = random.randrange(9 if depth else 6)
        if kind < 6:
            return (None, True, False, random.randrange(-9, 9), random.random(), "true")[kind]
        if kind == 6:
            return [value(depth - 1) for _ in range(random.randrange(3))]
        return {random.choice(KEYS): value(depth - 1) for _ in range(random.randrange(4))}

    text = json.dumps(
        {random.choice(KEYS): value(2) for _ in range(random.randrange(5))} if random.random() < 0.8 else value(2)
    )
    if random.random() < 0.1:
        # The same key, to JSON.
        text = text.replace('"text_mode"', '"t\\u0065xt_mode"')
    if random.random() < 0.2:
        place = random.randrange(len(text) + 1)
        text = text[:place] + chr(random.randrange(0x2FFF)) + text[place + random.randrange(3) :]
    return text


KEYS = ["text_mode", "cekura", "scenario_id", "run_id", "Text_Mode", "tier", "permit", "tools", "witness", "suite"]
FUZZ = int(os.environ.get("CEKURA_KIT_FUZZ", "2000"))
"""Pieces of metadata; 10,000 before a release."""
SECRET = "a-secret-of-at-least-thirty-two-characters"


def nearly_signed(random: Random) -> str:
    """Return metadata with a permit of another time, case or secret, cut, or with other keys beside it."""
    permit = Permit(
        room=random.choice(["r", "r", "q", "\ud800"]), mode=random.choice(list(Mode)), suite="s\udfff", case="1#1"
    )
    secret = random.choice([SECRET, SECRET, "another-" + SECRET])
    ttl = random.choice([60, 60, 60, -60])
    whole = json.loads(permit.job_metadata({"tier": "gold"}, key=Key("LIVEKIT_API_SECRET", secret), ttl=ttl))
    change = random.randrange(6)
    if change == 0:
        place = random.randrange(len(whole["cekura"]["permit"]))
        whole["cekura"]["permit"] = whole["cekura"]["permit"][:place] + chr(random.randrange(0x20, 0xFFFF))
    elif change == 1:
        whole[random.choice(KEYS)] = random.choice([None, True, 0, "x", {}])
    elif change == 2:
        whole["cekura"][random.choice(KEYS)] = random.choice([None, True, 0, "x", {}])
    elif change == 3:
        whole["cekura"].pop(random.choice(list(whole["cekura"])))
    return json.dumps(whole)


@pytest.mark.parametrize("tests", ["any", "signed", "none"])
def test_any_metadata_is_a_real_call_or_a_test_or_a_clear_error(
    tests: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)
    monkeypatch.delenv("CEKURA_KIT_SECRET", raising=False)
    random = Random(7)
    texts = (nearly_signed(random) if number % 3 == 0 else fuzzed(random) for number in range(FUZZ))
    came_to = Counter(what_comes_of(text, tests) for text in texts)
    expected = {"any": {"untouched", "signed", "unsigned", "refused"}, "signed": {"untouched", "signed"}}
    assert set(came_to) == expected.get(tests, {"untouched"})
    assert min(came_to.values()) > FUZZ // 100, came_to
    assert not [record for record in caplog.records if record.exc_info]


def what_comes_of(metadata: str, tests: Any) -> str:
    ctx = job(metadata)
    ctx.job.room = SimpleNamespace(name="r")
    try:
        admitted = admit(ctx, tests)
    except MetadataError as error:
        assert may_name_test(metadata)
        return "refused" if str(error) and error.hint else f"unclear: {error}"
    if admitted is not None:
        assert may_name_test(metadata)
        call = Call.of(admitted)
        return "signed" if call.signed else "unsigned"
    # Ends at its first step: there is nothing to wait for.
    with pytest.raises(StopIteration) as stop:
        WRAPPED[tests](ctx).send(None)
    return "untouched" if stop.value.value is ctx and vars(ctx) == {"job": ctx.job} else f"touched: {metadata}"


WRAPPED: dict[str, Any] = {tests: wrap_entrypoint(tests=tests)(plain) for tests in ("any", "signed", "none")}


def test_a_real_call_imports_nothing_of_a_test() -> None:
    code = """
import asyncio, json, sys
from types import SimpleNamespace
from cekura_agent_kit import wrap_entrypoint

@wrap_entrypoint(tests="signed", tools={"book": print})
async def entrypoint(ctx):
    pass

for metadata in ("", "no JSON", json.dumps({"tier": "gold", "caller": "+49 30 901820"})):
    asyncio.run(entrypoint(SimpleNamespace(job=SimpleNamespace(metadata=metadata))))
print(*sorted(name for name in sys.modules if name.startswith("cekura_agent_kit.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = ["agent", "agent.entrypoint", "agent.options", "job_keys", "lazy"]
    assert done.stdout.split() == [f"cekura_agent_kit.{name}" for name in own]


def test_voice_changes_nothing_in_livekit_agents() -> None:
    """In a fresh process: everything in every module and class, compared by identity."""
    code = """
import asyncio, json, sys
from types import SimpleNamespace
from cekura_agent_kit import wrap_entrypoint, current_call
assert "livekit.agents" not in sys.modules

import livekit.agents

@wrap_entrypoint
async def entrypoint(ctx):
    assert current_call() is None

def everything():
    # Kept, so that no identity is used twice.
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith("livekit."):
            for key, value in vars(module).items():
                found[name, key] = value
                if isinstance(value, type) and value.__module__.startswith("livekit."):
                    for attribute, inner in vars(value).items():
                        found[name, key, attribute] = inner
    return found

before = everything()
for metadata in ("", "no JSON", json.dumps({"tier": "gold"})):
    asyncio.run(entrypoint(SimpleNamespace(job=SimpleNamespace(metadata=metadata))))
after = everything()
assert before.keys() == after.keys()
assert all(before[key] is after[key] for key in before)
loaded = [name for name in sys.modules if name.startswith("cekura_agent_kit.agent.")]
print(len(before), *sorted(loaded))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, *loaded = done.stdout.split()
    assert int(count) > 10_000
    assert "cekura_agent_kit.agent.text_session" not in loaded
    assert "cekura_agent_kit.agent.job" not in loaded


@pytest.mark.parametrize(
    "wrapped",
    [
        decorated,
        decorated_with_options,
        wrap_entrypoint(plain),
        wrap_entrypoint(plain, never_away=False),
        wrap_entrypoint(wrap_entrypoint(plain)),
    ],
    ids=["decorated", "decorated with options", "inline", "inline with options", "twice"],
)
async def test_it_pickles(wrapped: Any) -> None:
    again = pickle.loads(pickle.dumps(wrapped))
    ctx = job("")
    assert await again(ctx) is ctx
    assert vars(again._options) == vars(wrapped._options)


async def test_methods_are_bound_and_pickle() -> None:
    agency = Agency()
    ctx = job("")
    assert await agency.entrypoint(ctx) == (agency, ctx)
    inline = wrap_entrypoint(agency.plain)
    assert await inline(ctx) == (agency, ctx)
    given, _ = await pickle.loads(pickle.dumps(inline))(ctx)
    assert isinstance(given, Agency)


async def test_by_keyword() -> None:
    ctx = job("")
    assert await decorated(ctx=ctx) is ctx


def test_it_looks_like_the_function() -> None:
    assert decorated.__name__ == "decorated"
    assert decorated.__doc__ == "Says what it was given."
    assert decorated.__module__ == __name__
    assert str(inspect.signature(decorated)) == "(ctx: 'Any') -> 'Any'"


def test_turned_off_it_is_the_function() -> None:
    assert wrap_entrypoint(plain, enabled=False) is plain
    assert wrap_entrypoint(enabled=False)(plain) is plain


def test_a_server_that_was_given_the_function_first_has_the_wrapped_one() -> None:
    from livekit.agents import AgentServer

    server = AgentServer()

    async def entrypoint(ctx: Any) -> None: ...

    server.rtc_session(entrypoint, agent_name="support")
    # As in a module: the server stands beside the function.
    entrypoint.__globals__["_server_of_this_test"] = server
    try:
        wrapped = wrap_entrypoint(entrypoint)
        assert server._entrypoint_fnc is wrapped
    finally:
        del entrypoint.__globals__["_server_of_this_test"]


@pytest.mark.parametrize(
    ("variable", "option", "is_test"),
    [
        (None, None, True),
        ("", None, True),
        ("any", None, True),
        ("signed", None, False),
        ("none", None, False),
        ("sigend", None, False),
        ("signed", "any", True),
        ("any", "signed", False),
        ("any", "none", False),
    ],
)
def test_the_code_says_which_tests_are_accepted_else_the_environment(
    variable: str | None, option: Any, is_test: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CEKURA_KIT_TESTS", raising=False)
    if variable is not None:
        monkeypatch.setenv("CEKURA_KIT_TESTS", variable)
    assert bool(admit(job('{"text_mode": true}'), option)) is is_test
    typing_errors = [each for each in caplog.messages if "CEKURA_KIT_TESTS is 'sigend'" in each]
    assert len(typing_errors) == (variable == "sigend")


def test_another_word_for_the_tests_is_an_error_in_the_code() -> None:
    with pytest.raises(ValueError, match="tests='sigend': use 'any', 'signed' or 'none'"):
        wrap_entrypoint(tests="sigend")  # type: ignore[call-overload]


def test_outside_of_a_job_there_is_no_call() -> None:
    assert current_call() is None


def call_of(metadata: dict[str, object]) -> Call:
    read = JobMetadata.read(json.dumps(metadata))
    assert read is not None
    return Call.of(Admitted(metadata=read, tests="any", unsigned="it has no permit"))


def test_a_call_is_what_the_metadata_says() -> None:
    test = {"text_mode": True, "scenario": 30, "suite": "support", "case": "30#2"}
    ours: dict[str, object] = {"cekura": test, "tier": "gold"}
    call = call_of(ours)
    assert (call.mode, call.scenario_id, call.suite, call.case) == (Mode.TEXT, 30, "support", "30#2")
    assert call.metadata["tier"] == "gold"
    assert call.run_id is None
    theirs = {"scenario_id": 5, "run_id": 7, "test_profile_data": {"name": "Ann"}}
    call = call_of(theirs)
    assert (call.scenario_id, call.run_id, call.test_profile_data) == (5, 7, {"name": "Ann"})
    with pytest.raises(AttributeError):
        call.case = "other"  # type: ignore[misc]
