"""The reference, made from the models and the command line: ``python docs/reference.py > docs/reference.md``."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from enum import EnumMeta
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from cekura_agent_kit.cli.commands.schema import Schema, schema_of
from cekura_agent_kit.cli.subcommands import SUBCOMMANDS, function_of
from cekura_agent_kit.report.phrases import KINDS
from cekura_agent_kit.verdict import ADVICE

FILES: Final = {
    Schema.SUITE: ("Suite file", "`cekura.yaml`; [suite.md](suite.md) explains it."),
    Schema.SCENARIOS: (
        "Scenarios of the sandbox",
        "A mapping from id to scenario; [sandbox.md](sandbox.md).",
    ),
    Schema.RULES: ("Model rules of the sandbox", "What the stand-in for the models answers; [sandbox.md](sandbox.md)."),
    Schema.FAULTS: ("Faults of the sandbox", "How the stand-in for Cekura's API fails; [sandbox.md](sandbox.md)."),
    Schema.REPORT: ("JSON report", "`--json`, version 2. Every key is always there, null or empty until it is known."),
}
VARIABLES: Final = {
    "CEKURA_API_KEY": "key of Cekura's API",
    "CEKURA_API_URL": "address of Cekura's API; default: the hosted one",
    "LIVEKIT_URL": "address of the LiveKit server",
    "LIVEKIT_API_KEY": "key of the LiveKit project",
    "LIVEKIT_API_SECRET": "secret of the LiveKit project; it signs tests, unless CEKURA_KIT_SECRET does",
    "CEKURA_KIT_SECRET": "signs tests where the LiveKit secrets of trigger and worker differ; on both sides",
    "CEKURA_KIT_TESTS": "`any`, `signed` or `none`: tests that the agent accepts, if its code does not say; worker",
    "CEKURA_AGENT_ID": "agent id on Cekura, for its tracer; worker",
    "CEKURA_KIT_LLM_URL": "endpoint with OpenAI's API, `…/v1`, of the model that plays callers; default: "
    "`OPENAI_BASE_URL`, else OpenAI's",
    "CEKURA_KIT_LLM_KEY": "key of that endpoint; default: `OPENAI_API_KEY`, unless `CEKURA_KIT_LLM_URL` is set",
    "CEKURA_KIT_LLM_MODEL": "name of that model; default: `gpt-4.1-mini`",
    "CEKURA_KIT_DEBUG": "prints logs and tracebacks of the command",
    "CEKURA_KIT_LIVEKIT_RELEASES": "address from which the sandbox downloads livekit-server",
    "CEKURA_KIT_LIVEKIT_SHA256": "checksum of that download",
    "XDG_CACHE_HOME": "folder in which livekit-server is kept; default: `~/.cache`",
    "GITHUB_ACTIONS": "set by GitHub: `run` and `report` print annotations",
    "GITHUB_STEP_SUMMARY": "set by GitHub: `run` and `report` write the summary of the step",
}
INTERNAL: Final = {"CEKURA_KIT_PRELOAD", "CEKURA_KIT_PYTHONPATH", "CEKURA_KIT_WARM"}
"""Passed from the kit to its own processes."""
EXIT_CODES: Final = {
    "0": "every pool of runs passed; every check passed; no room is left",
    "1": "some failed: the agent did not do what was expected; of `sweep`: rooms are left that are not due; "
    "of `check-agent`: a clause is not kept",
    "2": "some errored, or nothing ran; the command was used wrongly; a file cannot be read or written",
    "129, 130, 143": "stopped by SIGHUP, SIGINT or SIGTERM; runs are ended and rooms deleted",
}


def page() -> str:
    """Return the whole page."""
    parts = [
        "<!-- Made by `python docs/reference.py > docs/reference.md`; a test compares them. -->",
        "# Reference",
        "Every command, key, variable, kind and exit code.",
        *_commands(),
        "## Environment variables",
        "Of the command, unless the worker is named. `.env`, then `.env.local`, beside the suite fill what it lacks.",
        _table(("variable", "meaning"), [(f"`{name}`", meaning) for name, meaning in VARIABLES.items()]),
        "## Exit codes",
        _table(("code", "meaning"), list(EXIT_CODES.items())),
        "## Kinds of error",
        "An errored run has a kind. Its hint is usually more exact than the advice here.",
        _table(("kind", "meaning", "what to do"), [(f"`{kind}`", KINDS[kind], ADVICE[kind]) for kind in KINDS]),
        *(part for what, (title, about) in FILES.items() for part in _file(what, title, about)),
    ]
    return "\n\n".join(parts) + "\n"


def _commands() -> Iterator[str]:
    """Yield the commands, by the signatures of their functions: what typer makes of these differs by its version."""
    yield "## Commands"
    for command in SUBCOMMANDS:
        function = function_of(command)
        hints = get_type_hints(function, include_extras=True)
        arguments, rows = [], []
        for name, parameter in inspect.signature(function).parameters.items():
            kind, info = hints[name].__origin__, hints[name].__metadata__[0]
            if isinstance(info, ArgumentInfo):
                arguments.append(info.metavar or name.upper())
            else:
                rows.append((_option(name, kind, info), _usual(parameter.default), info.help or ""))
        yield f"### `{' '.join(['cekura-kit', command, *arguments])}`"
        yield "\n\n".join(textwrap.fill(" ".join(each.split()), 120) for each in (function.__doc__ or "").split("\n\n"))
        if rows:
            yield _table(("option", "default", "meaning"), rows)


def _option(name: str, kind: Any, info: OptionInfo) -> str:
    # In an annotation, typer's first argument is the option's name.
    flags = [each for each in (info.default, *(info.param_decls or ())) if str(each).startswith("-")]
    flag = flags[0] if flags else f"--{name.replace('_', '-')}"
    if kind is bool:
        return f"`{flag}`"
    (value,) = [each for each in get_args(kind) or (kind,) if each is not type(None)]
    words = "|".join(value) if isinstance(value, EnumMeta) else value.__name__.upper()
    return f"`{flag} {info.metavar or words}`"


def _usual(default: Any) -> str:
    return "" if default in (None, False, "", inspect.Parameter.empty) else f"`{default}`"


def _file(what: Schema, title: str, about: str) -> Iterator[str]:
    schema = schema_of(what)
    yield f"## {title}"
    yield about
    models = dict(schema.get("$defs", {}))
    if schema.get("properties"):
        models = {"": schema} | models
    for name, model in models.items():
        if "properties" in model:
            yield from [f"### {title}: `{name}`"] if name else []
            required = set(model.get("required", [])) if what is not Schema.REPORT else set()
            rows = [
                (
                    f"`{key}`",
                    _type(value),
                    "required" if key in required else _value(value),
                    _cell(value.get("description", "")),
                )
                for key, value in model["properties"].items()
            ]
            yield _table(("key", "type", "default", "meaning"), rows)
        elif "enum" in model:
            yield f"### {title}: `{name}`"
            yield textwrap.fill(", ".join(f"`{each}`" for each in model["enum"]), 120)


def _type(value: dict[str, Any]) -> str:
    """Return the type of a key: `string`, `list of RunEntry`, `integer or null`."""
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "20s" in value.get("examples", []):
        return "duration"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(each) for each in value["anyOf"]))
    if "enum" in value or "const" in value:
        return " or ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    return str(value.get("type", "any"))


def _value(value: dict[str, Any]) -> str:
    usual = value.get("default")
    if isinstance(usual, dict | list) and usual:
        return "see below"
    if "20s" in str(value.get("examples", "")) and isinstance(usual, float):
        return f"`{usual:g}s`"
    return "" if usual in (None, "", [], {}) else f"`{str(usual).lower() if isinstance(usual, bool) else usual}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    escaped = [[_cell(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *escaped]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
