"""Ten thousand suite files and ten thousand answers of Cekura's, broken in all ways: a verdict or a clear error."""

from __future__ import annotations

import copy
import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina
from pydantic import SecretStr

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.errors import CekuraError, SuiteError
from cekura_agent_kit.report import html, junit, markdown
from cekura_agent_kit.trigger.case.judging import Observed, verdict_of
from cekura_agent_kit.trigger.cekura.api_models import ApiRun, read_runs
from cekura_agent_kit.trigger.cekura.client import Cekura
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.settings.settings import Settings
from cekura_agent_kit.verdict import Outcome, SuiteVerdict
from tests import planned

COUNT = 2_500
SEEDS = range(4)
"""Four times `COUNT` of each, so that they spread over the cores."""

SUITE = """\
# A suite with all that it may say.
name: support
agent_name: support
mode: text
concurrency: 3
agent_timeout: 20s
timeout: 5m
suite_timeout: 1h
max_runs: 20
witnesses: 0
text_switch: wrapper
metadata: {tier: gold, nested: {list: [1, 2.5, null, true]}}
pass_rate: 0.8
runs:
  - scenario: 30
    repeat: 2
    max_reply: 3s
  - {scenario: 31, mode: voice, metadata: {lang: de}}
  - scenario: 32
    publish_data_message: {kind: hello}
    timeout: 90s
"""
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan")),
    *(
        "",
        " ",
        "20s",
        "-5m",
        "text",
        "30#1",
        "\x00",
        "\x1b[31m",
        "\ud800",
        "𝔘",
        "A" * 3_000,
        "]]>",
        "{{x}}",
        "2026-11-23",
    ),
    *([], {}, [None], [[]], {"": None}, {"id": {}}, [{"id": 1}, {"id": 1}]),
)
RUN: dict[str, Any] = {
    "id": 70011,
    "status": "completed",
    "success": True,
    "error_message": "",
    "scenario": {"id": 30, "name": "Books a table"},
    "scenario_name": "Books a table",
    "result_id": 9001,
    "run_as_text": True,
    "duration": "00:12",
    "executed_at": "2026-11-23T14:00:00Z",
    "expected_outcome": {
        "score": 80,
        "explanation": ["✅ booked"],
        "outcome_alignments": [{"outcome": "It is booked"}],
    },
    "evaluation": {
        "metrics": [
            {"id": 1, "name": "Latency", "type": "number", "score": 1.5, "explanation": ["fast"]},
            {"id": 2, "name": "Tone", "eval_type": "binary", "passed": True, "explanation": "warm"},
        ]
    },
    "rubric": [{"metric_name": "Tone", "passed": True, "value": 5, "conditions": "score gte 5", "explanation": ["ok"]}],
    "evaluation_status": "success",
    "mocked_tool_names": ["book"],
    "transcript": "[00:01] Testing Agent: hello\n[00:02] Main Agent: Welcome.\nHow can I help?",
    "transcript_object": [
        {"role": "Testing Agent", "content": "hello", "start_time": 1.0, "end_time": 1.5},
        {"role": "Main Agent", "content": "Welcome.", "timestamp": "00:02"},
        {"role": "Function Call", "content": "", "data": {"name": "book", "arguments": {"people": 2}}},
        {"role": "Function Call Result", "content": "booked", "time": "00:03"},
    ],
    "voice_recording_url": "https://example.com/a.wav",
    "metadata": {"ended_reason": "agent-ended-call"},
    "provider_call_id": "RM_1",
    "test_profile_data": {"name": "Ada"},
}
START = {
    "id": 9001,
    "agent": 812,
    "status": "in_progress",
    "runs": [{"id": 70011, "status": "running", "scenario": 30}],
}
STATUSES = (200, 201, 204, 301, 302, 400, 401, 402, 403, 404, 409, 422, 429, 500, 502, 503, 504, 599)
PLANNED = replace(planned.PLANNED, unscored="pass", max_reply=1.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_broken_suite_file_is_a_suite_or_a_clear_error(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    file = tmp_path / "cekura.yaml"
    seen: Counter[str] = Counter()
    said: list[tuple[str, str]] = []
    for _ in range(COUNT):
        broken = _broken_text(SUITE, chance)
        file.write_bytes(broken)
        try:
            suite = Suite.load(file)
        except SuiteError as error:
            seen["refused"] += 1
            said.append((str(error), error.hint))
        else:
            assert suite.plan(), broken
            seen["taken"] += 1
    assert [each for each in said if not each[0].startswith(str(file)) or not each[1]] == []
    # Neither is what always happens, or the texts would not be broken, or would be nothing else.
    assert min(seen["refused"], seen["taken"]) > COUNT / 50, seen


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_broken_answer_is_a_verdict_or_a_clear_error(seed: int) -> None:
    chance = random.Random(seed)
    seen: Counter[str] = Counter()
    said: list[str] = []
    async with _Answered() as cekura:
        asks: list[Callable[[], Any]] = [
            lambda: cekura.runs([70011]),
            lambda: cekura.run(70011),
            lambda: cekura.latest_runs(100),
            lambda: cekura.scenario(30),
            lambda: cekura.end_run(70011),
            lambda: cekura.start(Mode.TEXT, [{"scenario": 30}]),
        ]
        for _ in range(COUNT):
            cekura.answer = _broken_answer(chance)
            before = cekura.starts
            ask = chance.choice(asks)
            try:
                found = await ask()
            except CekuraError as error:
                seen["refused"] += 1
                said.append(f"{error} {error.hint}")
            else:
                seen["taken"] += 1
                for run in found if isinstance(found, list) else [found] if isinstance(found, ApiRun) else []:
                    seen[_judged(run).outcome] += 1
            assert cekura.starts - before <= 1
    assert cekura.key not in "".join(said)
    assert min(seen["refused"], seen["taken"], seen["passed"], seen["failed"], seen["errored"]) > COUNT / 50, seen


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_broken_run_says_fits_into_each_report(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(20):
        runs = [run for _ in range(5) for run in read_runs(_broken_value([RUN], chance))]
        verdict = SuiteVerdict.of(
            map(_judged, runs), suite="s", suite_id="1", started_at="2026-11-23T14:00:00+00:00", duration_s=1.0
        )
        assert SuiteVerdict.from_json(verdict.to_json()) == verdict
        for render in (junit.render, markdown.render, html.render):
            render(verdict).encode("utf-8")


class _Answered(Cekura):
    """Cekura whose every answer is `answer`."""

    key = "a-key-that-nobody-may-see"

    def __init__(self) -> None:
        super().__init__(
            Settings(
                cekura_api_key=SecretStr(self.key),
                livekit_url="wss://example.com",
                livekit_api_key=SecretStr("k"),
                livekit_api_secret=SecretStr("s"),
            )
        )
        self.answer = httpx.Response(200)
        self.starts = 0
        self._transport = httpx.MockTransport(self._respond)

    def _connection(self) -> httpx.AsyncClient:
        # One transport for all: to load the system's certificates takes longer than all the rest.
        headers = {"X-CEKURA-API-KEY": self.key}
        return httpx.AsyncClient(transport=self._transport, headers=headers, trust_env=False)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.starts += "run_scenarios" in request.url.path
        return self.answer


@pytest.fixture(autouse=True)
def _quickly(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Each read is tried twice, at once; and no log of each."""
    with stamina.set_testing(True, attempts=2), caplog.at_level(logging.WARNING):
        yield


def _judged(run: ApiRun) -> Any:
    verdict = verdict_of(Observed(PLANNED, run=run))
    assert (verdict.outcome is Outcome.ERRORED) == (verdict.kind is not None)
    if verdict.outcome is Outcome.PASSED:
        # Law 7: by Cekura's own word alone, or a person's.
        assert run.status == "completed"
        assert run.verdict is True
    strict = verdict_of(Observed(replace(PLANNED, unscored="error"), run=run))
    assert strict.outcome is not Outcome.PASSED or run.measured or run.reviewed
    return verdict


def _broken_text(text: str, chance: random.Random) -> bytes:
    """One to three edits: lines dropped, doubled, moved, values replaced, characters changed, cut off."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines)) if lines else 0
        match chance.randrange(7) if lines else 6:
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, chance.choice(lines))
            case 2:
                lines[at] = " " * chance.randint(0, 4) + lines[at].strip()
            case 3 | 4:
                key, colon, _ = lines[at].partition(":")
                lines[at] = f"{key}{colon} {_written(chance.choice(ODD), chance)}"
            case 5:
                cut = chance.randint(0, len(lines[at]))
                lines[at] = lines[at][:cut] + chance.choice("{}[]:,#&*!|>'\"%@`\t-?\x07é") + lines[at][cut + 1 :]
            case _:
                lines = (
                    lines[:at]
                    if chance.random() < 0.3
                    else [*lines, chance.choice(("x: 1", "- 1", "...", "---\na: 1"))]
                )
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _written(value: Any, chance: random.Random) -> str:
    return value if isinstance(value, str) and chance.random() < 0.5 else json.dumps(value)


def _broken_answer(chance: random.Random) -> httpx.Response:
    run = RUN | {"success": chance.choice((True, False, None)), "status": chance.choice(("completed", "failed"))}
    value = chance.choice(([run], run, START, {"count": 1, "next": None, "results": [run]}, {"runs": {"70011": run}}))
    if chance.random() < 0.9:
        value = _broken_value(value, chance)
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    match chance.randrange(12):
        case 0:
            body = body[: chance.randrange(len(body) + 1)]
        case 1:
            body = b"<html><title>502</title></html>"
        case 2:
            body = bytes(chance.randrange(256) for _ in range(40))
        case 3:
            body = b"[" * chance.choice((10, 200_000))
        case 4:
            body = b"\xef\xbb\xbf" + body
    status = 200 if chance.random() < 0.75 else chance.choice(STATUSES)
    later = chance.choice(("", "1", "-1", "1e9", "nan", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Xxx 9999"))
    return httpx.Response(status, content=body, headers={"Retry-After": later} if chance.random() < 0.3 else {})


def _broken_value(value: Any, chance: random.Random) -> Any:
    """The same JSON with one to four of its parts replaced, dropped or doubled."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 4)):
        holders = [each for each in _parts(value) if each]
        if not holders:
            return copy.deepcopy(chance.choice(ODD))
        holder = chance.choice(holders)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match chance.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case 2 if key == "status":
                holder[key] = chance.choice(
                    ("COMPLETED", " failed ", "timeout", "cancelled", "evaluating", "new", "completed")
                )
            case _:
                holder[key] = copy.deepcopy(chance.choice((*ODD, not holder[key])))
    return value


def _parts(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict | list) else []) + [part for each in children for part in _parts(each)]
