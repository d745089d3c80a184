"""The pytest plugin, in a pytest of its own: what a user sees."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

# Once, and not again in each of the pytests that run in this process and forget what they imported.
import cekura_agent_kit.agent.text_session
import cekura_agent_kit.rehearsal.fixture
import cekura_agent_kit.rehearsal.scenarios  # noqa: F401
from cekura_agent_kit.rehearsal.rule_use import merge

AGENT = Path(__file__).with_name("restaurant.py")

QUICK = ("-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception")
"""Without what collects garbage five times at the end of each pytest: seconds, with all of livekit-agents in memory."""

SCENARIOS = """
30:
  name: Books a table
  talk:
    - hear: welcome
    - say: 'book {"guests": 2}'
      hear: booked
    - say: Thank you, goodbye.
31:
  name: Wants a window
  patience: 300ms
  talk:
    - say: 'book {"guests": 2}'
      hear: window
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A repo with an agent, tests in a folder, and pytest-asyncio in its strict mode."""
    pytester.makefile(".py", agent=AGENT.read_text())
    pytester.makefile(".yaml", scenarios=SCENARIOS)
    pytester.makeini("[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def run(project: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    folder = project.path / "tests"
    folder.mkdir(exist_ok=True)
    (folder / "test_agent.py").write_text(test)
    return project.runpytest_inprocess(*QUICK, *options)


MARKED = """
import pytest

@pytest.mark.asyncio
async def test_agent(rehearse):
    async with rehearse("agent.py") as call:
{body}
"""


def body(*lines: str) -> str:
    return MARKED.format(body="\n".join(f"        {line}" for line in lines))


def test_the_fixture_works_in_strict_mode(project: pytest.Pytester) -> None:
    # Earlier tests of this process have imported an `agent`, of which the inner pytest warns.
    strict = ["-W", "error", "-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    result = run(project, body("assert 'Welcome' in (await call.greeting()).text"), *strict)
    result.assert_outcomes(passed=1)


def test_the_fixture_works_in_auto_mode(project: pytest.Pytester) -> None:
    test = body("assert 'Welcome' in (await call.greeting()).text").replace("@pytest.mark.asyncio\n", "")
    run(project, test, "--asyncio-mode=auto").assert_outcomes(passed=1)


def test_a_wrong_word_shows_the_users_line_and_what_was_said(project: pytest.Pytester) -> None:
    result = run(project, body("turn = await call.say('book {\"guests\": 2}')", "assert 'at the window' in turn.text"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "> *assert 'at the window' in turn.text",
            "E       *assert 'at the window' in 'It is booked for 2, plain'",
            "E       * where 'It is booked for 2, plain' = Turn(said='book {*}', text='It is booked for 2, plain', *",
            "tests/test_agent.py:*: AssertionError",
            "-* rehearsal of agent.py -*",
            "   agent  Welcome to Luigi's.",
            '  caller  book {"guests": 2}',
            "    tool  book(guests=2) -> booked for 2, plain",
            "   agent  It is booked for 2, plain",
            "last turn: after 'book {*}' the agent called book and was heard to say 'It is booked for 2, plain'",
            "where to look:",
            "  entrypoint: agent.py:* entrypoint",
            "  agent: agent.py:* Host",
            "  tool book: agent.py:* Host.book",
        ]
    )
    result.stdout.no_fnmatch_line("*cekura_agent_kit/rehearsal/*")


def test_a_failed_expectation_shows_the_users_line_and_no_other(project: pytest.Pytester) -> None:
    result = run(project, body("turn = await call.say('seat')", "turn.expect.contains_function_call(name='book')"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "> *turn.expect.contains_function_call(name='book')",
            "E  *AssertionError: No FunctionCallEvent satisfying criteria found*",
            "tests/test_agent.py:*: AssertionError",
            "    tool  seat() ->*",
            "          handoff from host to waiter",
            "   agent  I am your waiter.",
        ]
    )
    result.stdout.no_fnmatch_line("*run_result.py*")
    result.stdout.no_fnmatch_line("*cekura_agent_kit/rehearsal/*")


def test_a_rehearsal_that_never_began_has_a_report_too(project: pytest.Pytester) -> None:
    result = run(project, body("await call.greeting()").replace("agent.py", "gone.py"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E  *TargetError: *gone.py*", "-* rehearsal of gone.py -*", "nothing was said"],
    )
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_an_exception_of_the_entrypoint_shows_its_own_line(project: pytest.Pytester) -> None:
    agent = project.path / "agent.py"
    agent.write_text(agent.read_text() + "\n    raise ZeroDivisionError('a bug of the agent')\n")
    result = run(project, body("await call.greeting()"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "> *raise ZeroDivisionError('a bug of the agent')",
            "E       ZeroDivisionError: a bug of the agent",
            "agent.py:*: ZeroDivisionError",
        ]
    )
    result.stdout.no_fnmatch_line("*cekura_agent_kit/*")


def test_a_hint_is_shown(project: pytest.Pytester) -> None:
    result = run(project, body("pass").replace("agent.py", "agnet.py"))
    result.stdout.fnmatch_lines(
        ["E       *TargetError: agnet.py: there is no such file in *", "E       hint: give an absolute path, *"]
    )


def test_one_test_a_scenario(project: pytest.Pytester) -> None:
    test = """
import pytest

@pytest.mark.asyncio
@pytest.mark.cekura_scenarios("scenarios.yaml", entrypoint="agent.py")
async def test_scenario(scenario):
    await scenario.run()
"""
    result = run(project, test, "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*::test_scenario[[]30-Books a table[]] PASSED*",
            "*::test_scenario[[]31-Wants a window[]] FAILED*",
            ">       await scenario.run()",
            "E       AssertionError: scenario 31, Wants a window: Waited 0.3 s to hear 'window'. "
            "After 'book {*}' the agent said *It is booked for 2, plain*",
            "-* rehearsal of agent.py -*",
            "    tool  book(guests=2) -> booked for 2, plain",
        ]
    )


@pytest.mark.slow
def test_xdist_spreads_scenarios(project: pytest.Pytester) -> None:
    test = """
import pytest

@pytest.mark.asyncio
@pytest.mark.cekura_scenarios("scenarios.yaml", entrypoint="agent.py")
async def test_scenario(scenario, worker_id):
    print("on", worker_id)
    if scenario.id == 30:
        await scenario.run()
"""
    result = run(project, test, "-n", "2", "-rP")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(["on gw0", "on gw1"])


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (
            "@pytest.mark.cekura_scenarios('scenarios.yaml')\nasync def test_scenario(): pass",
            "*has the marker cekura_scenarios and not the fixture `scenario`*",
        ),
        ("def test_scenario(scenario): pass", "*the fixture `scenario` needs the marker cekura_scenarios*"),
        (
            "@pytest.mark.cekura_scenarios('no.yaml')\nasync def test_scenario(scenario): pass",
            "*no.yaml: there is no such file in *",
        ),
    ],
)
def test_a_scenario_marker_used_wrongly(project: pytest.Pytester, test: str, says: str) -> None:
    result = run(project, f"import pytest\n{test}\n")
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines([says])


def test_the_template_rehearses_its_agent(pytester: pytest.Pytester) -> None:
    shutil.copytree(AGENT.parents[2] / "agent_template", pytester.path, dirs_exist_ok=True)
    result = pytester.runpytest_inprocess(*QUICK)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes()["passed"] >= 3


def test_the_documentation_is_true(pytester: pytest.Pytester) -> None:
    """Its tests, as they stand, on the example's agent."""
    root = AGENT.parents[2]
    blocks = re.findall(r"```python\n(.*?)```", (root / "docs" / "rehearsal.md").read_text(), re.DOTALL)
    tests = [block for block in blocks if "def test_" in block]
    assert len(tests) == 3
    shutil.copytree(root / "examples" / "restaurant", pytester.path, dirs_exist_ok=True)
    pytester.makepyfile("\n".join(tests))
    result = pytester.runpytest_inprocess(*QUICK, "--asyncio-mode=auto", "-rs")
    assert result.ret == pytest.ExitCode.OK
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] >= 6
    assert outcomes["skipped"] == 1


def test_hosted_runs_only_when_asked_for(project: pytest.Pytester) -> None:
    test = "import pytest\n@pytest.mark.cekura_hosted\ndef test_hosted(): pass\n"
    skipped = run(project, test, "-rs")
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(["SKIPPED*test_agent.py*it starts runs on Cekura*--cekura-hosted*"])
    run(project, test, "--cekura-hosted").assert_outcomes(passed=1)


def test_markers_are_declared(project: pytest.Pytester) -> None:
    result = run(project, "", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.cekura_scenarios(*", "@pytest.mark.cekura_hosted:*"])


def test_the_plugin_imports_nothing_until_it_is_used(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
import json, sys
def pytest_unconfigure(config):
    print("loaded:", json.dumps(sorted(sys.modules)))
"""
    )
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-s")
    (line,) = [line for line in result.stdout.lines if line.startswith("loaded: ")]
    loaded = set(json.loads(line.removeprefix("loaded: ")))
    assert "cekura_agent_kit.rehearsal.plugin" in loaded
    heavy = {"livekit", "livekit.agents", "pydantic", "yaml", "httpx", "cekura_agent_kit.contract"}
    assert not heavy & loaded


RULES = "rules: [{user: hello, say: Hi.}, {user: bye, say: Goodbye.}, {user: never, say: Never.}]"
TWO_TESTS = """
import pytest

@pytest.mark.asyncio
@pytest.mark.parametrize("words", ["hello", "bye"])
async def test_agent(rehearse, words):
    async with rehearse("agent.py", llm="models.yaml") as call:
        await call.say(words)
"""


def test_rules_that_answered_in_no_test_are_in_the_summary(project: pytest.Pytester) -> None:
    project.makefile(".yaml", models=RULES)
    result = run(project, TWO_TESTS)
    result.assert_outcomes(passed=2)
    unused = "models.yaml: model rules that answered nothing in this session: rule 3 (user: never)"
    result.stdout.fnmatch_lines([unused])


def test_rules_that_all_answered_are_not_in_the_summary(project: pytest.Pytester) -> None:
    project.makefile(".yaml", models=RULES.replace(", {user: never, say: Never.}", ""))
    result = run(project, TWO_TESTS)
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*answered nothing*")


def test_what_the_processes_of_one_session_found_is_one() -> None:
    found: dict[str, dict[int, str]] = {}
    merge(found, {"models.yaml": {0: "rule 1", 2: "rule 3"}, "others.yaml": {0: "rule 1"}})
    merge(found, {"models.yaml": {1: "rule 2", 2: "rule 3"}})
    assert found == {"models.yaml": {2: "rule 3"}, "others.yaml": {0: "rule 1"}}
