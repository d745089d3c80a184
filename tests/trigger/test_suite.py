"""The suite file: what it says, what it may not say, and what flags do to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekura_agent_kit.contract import Mode
from cekura_agent_kit.errors import ScenarioError, SuiteError
from cekura_agent_kit.trigger.plan.planned_run import PlannedRun
from cekura_agent_kit.trigger.plan.run_entry import RunEntry
from cekura_agent_kit.trigger.plan.shards import shard_of
from cekura_agent_kit.trigger.plan.suite import Suite
from cekura_agent_kit.trigger.plan.suite_values import seed_of
from tests.planned import PLANNED

SMALL = "agent_name: support\nruns:\n  - scenario: 30\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "cekura.yaml"
    path.write_text(text)
    return path


def test_the_smallest_suite_has_the_documented_defaults(tmp_path: Path) -> None:
    suite = Suite.load(written(tmp_path, SMALL))

    assert suite.name == tmp_path.name
    assert (suite.mode, suite.text_switch, suite.concurrency, suite.witnesses) == (Mode.VOICE, "wrapper", 5, 20)
    assert (suite.agent_timeout, suite.timeout, suite.suite_timeout, suite.max_runs) == (20, 1200, None, None)
    assert suite.scenarios_file == tmp_path / "cekura.scenarios.yaml"


def test_a_case_counts_its_scenario_over_all_entries(tmp_path: Path) -> None:
    text = "agent_name: a\nmode: text\nmetadata: {tier: gold, a: 1}\nruns:\n" + (
        "  - {scenario: 30, repeat: 2}\n  - {scenario: 31, mode: voice}\n"
        "  - {scenario: 30, timeout: 5m, metadata: {a: 2}}\n"
    )
    plan = Suite.load(written(tmp_path, text)).plan()

    assert [run.case for run in plan] == ["30#1", "30#2", "31#1", "30#3"]
    assert [run.mode for run in plan] == [Mode.TEXT, Mode.TEXT, Mode.VOICE, Mode.TEXT]
    assert plan[3].timeout == 300
    assert (plan[0].metadata, plan[3].metadata) == ({"tier": "gold", "a": 1}, {"tier": "gold", "a": 2})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agent_name: a\nruns: []\n", ":2: runs: List should have at least 1 item"),
        ("agent_name: a\n", ": runs: is required"),
        ("agent_name: a\nretries: 3\nruns: [{scenario: 1}]\n", ":2: retries: unknown key; allowed: agent, agent_name,"),
        (
            "agent_name: a\nruns:\n  - scenario: 1\n    mod: text\n",
            ":4: runs.0.mod: unknown key; did you mean mode? allowed: ",
        ),
        ("agent_name: a\nruns:\n  - scenario: thirty\n", ":3: runs.0.scenario: "),
        ("agent_name: a\nruns:\n  - scenario: true\n", ":3: runs.0.scenario: "),
        ("agent_name: a\nruns:\n  - {scenario: 1, repeat: 0}\n", ":3: runs.0.repeat: "),
        ("agent_name: a\ntimeout: soon\nruns: [{scenario: 1}]\n", ":2: timeout: 'soon' is not a duration"),
        ("agent_name: a\nmode: video\nruns: [{scenario: 1}]\n", ":2: mode: Input should be 'text' or 'voice'"),
        ("agent_name: a\nmetadata: {text_mode: true}\nruns: [{scenario: 1}]\n", "'text_mode' is written by the kit"),
        ("agent_name: a\nruns:\n  - scenario: 1\n    metadata: {cekura: {}}\n", ":4: runs.0.metadata: 'cekura' is"),
        ("runs: [{scenario: 1}]\n", "agent_name is required unless `worker` is given"),
        (
            "agent_name: a\nruns:\n  - scenario: 1\n    publish_data_message: {a: 1}\n",
            ":4: runs.0.publish_data_message: Cekura sends data messages in text runs only",
        ),
        (
            "agent_name: a\nruns:\n- {scenario: 1, name: gold}\n- {scenario: 1}\n- {scenario: 2, name: gold}\n",
            ":5: runs.2.name: the name 'gold' is used twice",
        ),
        ("agent_name: a\nruns:\n  - repeat: 2\n", ":3: runs.0: an entry needs `scenario` or `select`"),
        (
            "agent_name: a\nruns:\n  - {scenario: 1, select: {tags: [a]}}\n",
            ":3: runs.0: an entry needs `scenario` or `select`, not both",
        ),
        ("agent_name: a\nruns:\n  - select: {}\n", ":3: runs.0.select: selects nothing: give tags, any_tags"),
        ("agent_name: a\nruns:\n  - select: {tags: [' ']}\n", ":3: runs.0.select.tags.0: is blank"),
        ("agent_name: a\nruns:\n  - select: {tag: smoke}\n", "runs.0.select.tag: unknown key; did you mean tags?"),
        ("agent_name: a\ntools: {pay: maybe}\nruns: [{scenario: 1}]\n", ":2: tools.pay: 'maybe' is not a behaviour"),
        ("agent_name: a\ntools:\n  pay: {return: 1}\nruns: [{scenario: 1}]\n", ":3: tools.pay: unknown key 'return'"),
        ("agent_name: a\ntools:\n  pay: {}\nruns: [{scenario: 1}]\n", ":3: tools.pay: an answer has either returns or"),
        (
            "agent_name: a\ntools:\n  pay: []\nruns: [{scenario: 1}]\n",
            ":3: tools.pay: a list of answers needs",
        ),
        ("agent_name: a\ntools: {'*': {returns: 1}}\nruns: [{scenario: 1}]\n", "'*' is run or refuse"),
        ("agent_name: a\ntools:\n  pay: {raises: 3}\nruns: [{scenario: 1}]\n", "raises is the text of an error"),
        (
            "agent_name: a\nmode: text\ntext_switch: dispatch\nruns:\n- scenario: 1\n  tools: {pay: refuse}\n",
            ":6: runs.0.tools: `text_switch: dispatch` is for agents that are not wrapped",
        ),
        (
            f"agent_name: a\nruns:\n- scenario: 1\n  tools: {{pay: {{returns: {'x' * 50_000}}}}}\n",
            "bytes, and that of a test has 64000 at most",
        ),
        (
            "agent_name: a\nroom_metadata: {cekura_kit: {}}\nruns: [{scenario: 1}]\n",
            ":2: room_metadata: 'cekura_kit' is",
        ),
        ("agent_name: a\nroom_metadata: '[1]'\nruns: [{scenario: 1}]\n", ':2: room_metadata: "[1]" is not the text of'),
        (
            f"agent_name: a\nruns:\n- scenario: 1\n  room_metadata: {{a: {'x' * 61_000}}}\n",
            ":4: runs.0.room_metadata: room metadata: 61009 bytes, and that of a test has 60000 at most",
        ),
        (
            f"agent_name: a\ntest_profile: {{a: {'x' * 64_000}}}\nruns: [{{scenario: 1}}]\n",
            ":2: test_profile: job metadata: ",
        ),
        ("agent_name: a\ntest_profile: 1\nruns: [{scenario: 1}]\n", ":2: test_profile"),
        (
            "agent_name: a\ntest_profile: {main_agent_variables: [1]}\nruns: [{scenario: 1}]\n",
            ":2: test_profile: main_agent_variables is [1], not a mapping",
        ),
        (
            "agent_name: a\nmetadata: {test_profile_data: {}}\nruns:\n- scenario: 1\n  test_profile: true\n",
            ":5: runs.0.test_profile: the metadata has a 'test_profile_data' of its own",
        ),
        ("agent_name: a\nruns:\n- {scenario: 1, seed: -1}\n", ":3: runs.0.seed: "),
        ("- a\n- b\n", "must be a mapping"),
        ("", "must be a mapping"),
        ("agent_name: [\n", ""),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SuiteError) as raised:
        Suite.load(path)

    assert said in str(raised.value)
    assert str(path) in str(raised.value)
    assert raised.value.hint


def test_the_tools_of_an_entry_are_merged_over_the_suites(tmp_path: Path) -> None:
    text = "tools: {pay: refuse, '*': refuse}\nruns:\n- {scenario: 1}\n- {scenario: 2, tools: {pay: {returns: ok}}}\n"
    plan = Suite.load(written(tmp_path, "agent_name: a\n" + text)).plan()

    assert plan[0].tools == {"pay": "refuse", "*": "refuse"}
    assert plan[1].tools == {"pay": {"returns": "ok"}, "*": "refuse"}


def test_the_state_of_an_entry_is_merged_over_the_suites(tmp_path: Path) -> None:
    text = (
        'agent_name: a\nroom_metadata: \'{"a": 1, "b": 1}\'\ntest_profile: true\nseed: 7\nruns:\n- {scenario: 1}\n'
        "- {scenario: 2, room_metadata: {b: 2}, test_profile: {main_agent_variables: {x: 1}, y: 2}, seed: 8}\n"
        "- {scenario: 3, test_profile: false, metadata: {scenario_id: 9}}\n"
    )
    plan = Suite.load(written(tmp_path, text)).plan()

    assert [planned.room_metadata for planned in plan] == [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1}]
    assert [planned.test_profile for planned in plan] == [True, {"x": 1}, False]
    assert [planned.seed for planned in plan] == [None, 8, None]
    assert [planned.job_keys for planned in plan] == [
        {"scenario_id": 1},
        {"scenario_id": 2, "test_profile_data": {"x": 1}},
        {"scenario_id": 9},
    ]


SCENARIO = "1:\n  name: Pays\n  talk: [{say: hello}]\n"


def test_the_tools_of_a_scenario_file_hold_for_every_run_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "cekura.scenarios.yaml").write_text(SCENARIO + "  tools: {pay: {raises: declined}, look: run}\n2: {}\n")
    text = "agent_name: a\ntools: {pay: {returns: ok}, '*': refuse}\nruns:\n- {scenario: 1}\n- {scenario: 2}\n"
    plan = Suite.load(written(tmp_path, text + "- {scenario: 1, tools: {look: refuse}}\n")).plan()

    assert plan[0].tools == {"pay": {"raises": "declined"}, "look": "run", "*": "refuse"}
    assert plan[1].tools == {"pay": {"returns": "ok"}, "*": "refuse"}
    assert plan[2].tools == {"pay": {"raises": "declined"}, "look": "refuse", "*": "refuse"}


@pytest.mark.parametrize("entry", ["scenario: 1", "select: {tags: [smoke]}"])
def test_tools_of_a_scenario_file_that_cannot_be_sent_are_refused_when_they_are_known(
    tmp_path: Path, entry: str
) -> None:
    (tmp_path / "cekura.scenarios.yaml").write_text(SCENARIO + f"  tools: {{pay: {{returns: {'x' * 50_000}}}}}\n")
    file = written(tmp_path, f"agent_name: a\nruns:\n- {{{entry}}}\n")
    with pytest.raises(
        SuiteError, match=r"cekura\.yaml:3: runs\.0: .*scenarios\.yaml:4: 1\.tools: job metadata: 6\d{4} bytes"
    ):
        Suite.load(file).with_chosen({0: [1]})


@pytest.mark.parametrize(
    ("scenarios", "says"),
    [
        (SCENARIO + "  tools: [TOOL_END_CALL]\n", ":4: 1.tools: says what the agent's tools do; a list of tools of"),
        (SCENARIO + "  tools: {pay: maybe}\n", ":4: 1.tools.pay: 'maybe' is not a behaviour"),
        (SCENARIO + "  tools: {pay: {return: 1}}\n", ":4: 1.tools.pay: unknown key 'return'"),
        ("1: [\n", "not YAML"),
    ],
)
def test_a_suite_whose_doubles_are_not_known_does_not_start(tmp_path: Path, scenarios: str, says: str) -> None:
    (tmp_path / "cekura.scenarios.yaml").write_text(scenarios)
    with pytest.raises(ScenarioError) as raised:
        Suite.load(written(tmp_path, "agent_name: a\nruns: [{scenario: 1}]\n"))

    assert f"{tmp_path / 'cekura.scenarios.yaml'}" in str(raised.value)
    assert says in str(raised.value)


@pytest.mark.parametrize("text", ["scenarios:\n  - [not, ours]\n", "- not\n- ours\n", "not: [ours\n"])
def test_a_file_of_livekits_own_tools_is_not_read_for_doubles(tmp_path: Path, text: str) -> None:
    (tmp_path / "scenarios.yaml").write_text(text)
    assert Suite.load(written(tmp_path, "agent_name: a\nruns: [{scenario: 1}]\n")).plan()[0].tools == {}


def test_a_scenario_file_of_the_former_name_is_read_for_doubles(tmp_path: Path) -> None:
    (tmp_path / "scenarios.yaml").write_text(SCENARIO + "  tools: {pay: refuse}\n")
    plan = Suite.load(written(tmp_path, "agent_name: a\nruns: [{scenario: 1}]\n")).plan()
    assert plan[0].tools == {"pay": "refuse"}


def test_a_folder_stands_for_its_suite_and_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"cekura\.yaml: there is no such file"):
        Suite.load(tmp_path)
    written(tmp_path, SMALL)
    assert Suite.load(tmp_path).agent_name == "support"


def test_flags_win_over_the_suite_and_over_its_runs(tmp_path: Path) -> None:
    path = written(tmp_path, "runs:\n  - {scenario: 1, mode: voice, timeout: 1m}\n")
    suite = Suite.load(path, flags={"agent_name": "other", "mode": Mode.TEXT, "timeout": "9s", "concurrency": 2})

    assert (suite.agent_name, suite.concurrency, suite.name) == ("other", 2, tmp_path.name)
    assert [(run.mode, run.timeout) for run in suite.plan()] == [(Mode.TEXT, 9)]


def test_a_seed_as_a_flag_is_the_suites_and_an_entry_keeps_its_own(tmp_path: Path) -> None:
    text = "agent_name: a\nseed: 1\nruns:\n- {scenario: 1}\n- {scenario: 2, seed: 8}\n"
    suite = Suite.load(written(tmp_path, text), flags={"seed": 7})
    assert (suite.seed, [planned.seed for planned in suite.plan()]) == (7, [None, 8])


def test_a_wrong_flag_is_named_as_a_flag(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"^--suite-timeout: 'soon' is not a duration"):
        Suite.load(written(tmp_path, SMALL), flags={"suite_timeout": "soon"})


def test_entries_have_names_and_rates_of_their_own(tmp_path: Path) -> None:
    suite = Suite.load(
        written(
            tmp_path,
            "agent_name: a\npass_rate: 0.8\nruns:\n- {scenario: 1, mode: text}\n"
            "- {scenario: 1, mode: text, pass_rate: 0.5}\n"
            "- {scenario: 1}\n- {scenario: 1, mode: text, name: gold}\n",
        )
    )
    assert suite.pass_rates() == {
        ("1 text", 1, "text"): 0.8,
        ("1 text 2", 1, "text"): 0.5,
        ("1 voice", 1, "voice"): 0.8,
        ("gold", 1, "text"): 0.8,
    }
    assert [(run.case, run.entry) for run in suite.plan()] == [
        ("1#1", "1 text"),
        ("1#2", "1 text 2"),
        ("1#3", "1 voice"),
        ("1#4", "gold"),
    ]


def planned(scenario: int, occurrence: int) -> PlannedRun:
    return replace(
        PLANNED,
        case=f"{scenario}#{occurrence}",
        entry=f"{scenario} text",
        scenario=scenario,
        occurrence=occurrence,
    )


@given(st.dictionaries(st.integers(1, 50), st.integers(1, 6), max_size=12), st.integers(1, 8))
def test_shards_are_the_plan_once_and_keep_a_scenario_together(repeats: dict[int, int], count: int) -> None:
    plan = [planned(scenario, n + 1) for scenario, repeat in repeats.items() for n in range(repeat)]
    shards = [shard_of(plan, index, count) for index in range(1, count + 1)]

    assert sorted(run.case for shard in shards for run in shard) == sorted(run.case for run in plan)
    homes = [{run.scenario for run in shard} for shard in shards]
    assert sum(map(len, homes)) == len(repeats)
    if repeats:
        assert max(map(len, shards)) - min(map(len, shards)) <= max(repeats.values())


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"runs": []}, "runs: List should have at least 1 item"),
        ({"runs": [{"scenario": "x"}]}, "runs.0.scenario: Input should be a valid integer, not 'x'"),
        ({"run": 1}, "run: unknown key; did you mean runs? allowed: "),
        ({}, "runs: is required"),
    ],
)
def test_a_suite_made_in_python_is_refused_as_a_file_is(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(SuiteError) as raised:
        Suite(**keys)

    assert says in str(raised.value)
    assert "hint: docs/suite.md" in "\n".join(raised.value.__notes__)


def test_max_runs_holds_for_what_is_run(tmp_path: Path) -> None:
    suite = Suite.load(written(tmp_path, "agent_name: a\nmax_runs: 2\nruns: [{scenario: 1, repeat: 3}]\n"))

    suite.check_size(suite.plan()[:2])
    with pytest.raises(SuiteError, match=":2: max_runs: the plan has 3 runs"):
        suite.check_size(suite.plan())


def test_a_select_is_planned_once_its_scenarios_are_known(tmp_path: Path) -> None:
    text = "agent_name: a\nruns:\n- {scenario: 31}\n- {select: {tags: [x]}, repeat: 2}\n- {select: {folder: A}}\n"
    suite = Suite.load(written(tmp_path, text))
    with pytest.raises(SuiteError, match=r":4: runs\.1\.select: the scenarios are not chosen yet"):
        suite.plan()
    chosen = suite.with_chosen({1: [30, 31], 2: [7]})

    assert [run.case for run in chosen.plan()] == ["31#1", "30#1", "30#2", "31#2", "31#3", "7#1"]
    assert {run.entry for run in chosen.plan()} == {"31 voice", "tags x voice", "folder A voice"}
    assert {(pool.entry, pool.scenario) for pool in chosen.pass_rates()} == {
        ("31 voice", 31),
        ("tags x voice", 30),
        ("tags x voice", 31),
        ("folder A voice", 7),
    }
    with pytest.raises(SuiteError, match="the plan has 12002 runs, and 10000 is the most"):
        suite.with_chosen({1: range(6000), 2: [7]}).plan()


def test_a_suite_made_in_python_is_one() -> None:
    suite = Suite(agent_name="a", runs=[RunEntry(scenario=30, mode=Mode.TEXT)])

    assert [run.case for run in suite.plan()] == ["30#1"]


@pytest.mark.parametrize(("entries", "repeat"), [(300, 1000), (1, 1000), (2000, 6)])
def test_a_plan_of_too_many_runs_is_refused_before_it_is_made(tmp_path: Path, entries: int, repeat: int) -> None:
    text = "agent_name: a\nruns:\n- &run {scenario: 1, repeat: %d}\n%s" % (repeat, "- *run\n" * (entries - 1))  # noqa: UP031
    if entries * repeat <= 10_000:
        assert len(Suite.load(written(tmp_path, text)).plan()) == entries * repeat
        return
    with pytest.raises(SuiteError, match=f":2: runs: the plan has {entries * repeat} runs, and 10000 is the most"):
        Suite.load(written(tmp_path, text))


def test_many_entries_of_one_scenario_have_names_of_their_own(tmp_path: Path) -> None:
    text = "agent_name: a\nruns:\n- {scenario: 1, name: 1 voice 3}\n" + "- {scenario: 1}\n" * 500
    plan = Suite.load(written(tmp_path, text)).plan()
    assert len({run.entry for run in plan}) == 501
    assert [run.entry for run in plan][1:5] == ["1 voice", "1 voice 2", "1 voice 4", "1 voice 5"]


def test_each_case_has_a_seed_of_its_own_that_the_suites_seed_decides() -> None:
    def seeds(seed: int) -> list[int]:
        return [seed_of(seed, case) for case in ("30#1", "30#2", "31#1")]

    assert seeds(7) == seeds(7)
    assert len({*seeds(7), *seeds(8)}) == 6
    assert all(0 <= seed < 2**31 for seed in seeds(7))
