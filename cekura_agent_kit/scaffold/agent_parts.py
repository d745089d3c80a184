"""Parts of an agent that its first scenarios need: its greeting, its tools, its models and their keys."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ..variables import KEYS
from .agents import FoundAgent
from .sources import Function, Source, called, own_modules

_VALUES: Final[dict[str, Any]] = {"int": 1, "float": 1.5, "bool": True, "list": [], "dict": {}}
_KEY: Final = re.compile(r"(?!LIVEKIT_|CEKURA_)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET)")
_WORDS: Final = 6
"""Words of a greeting that a scenario waits for."""

Greets = Literal["says", "model", "no"]


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        name: as the model knows it.
        arguments: a value for each argument that it needs.
        hands_over: it returns another agent.
        at_start: the first agent of a call has it.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    hands_over: bool = False
    at_start: bool = False

    @property
    def words(self) -> str:
        """The name as a caller would say it: ``look up order``."""
        return " ".join(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", self.name)).lower() or self.name


@dataclass(frozen=True)
class Parts:
    """Parts of an agent.

    Attributes:
        greets: it says fixed words first, lets its model do so, or waits for the caller.
        greeting: the first of the fixed words.
        tools: its tools.
        llms: vendors of its language models whose plugins it uses.
        realtime: it has a realtime model.
        keys: names of the variables with its keys.
        plugins: the plugins of livekit-agents that it imports.
    """

    greets: Greets = "no"
    greeting: str = ""
    tools: tuple[Tool, ...] = ()
    llms: tuple[str, ...] = ()
    realtime: bool = False
    keys: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()


def parts_of(agent: FoundAgent) -> Parts:
    """Read an agent's parts from its file and those that it imports."""
    modules = own_modules(agent.source, agent.root)
    if agent.home.path not in {each.path for each in modules}:
        modules += own_modules(agent.home, agent.root)
    classes = {
        each.name: each for module in modules for each in ast.walk(module.tree) if isinstance(each, ast.ClassDef)
    }
    agents = {name for name in classes if "Agent" in _bases(name, classes)}
    first = _first_agent(agent.function, agents)
    greets, greeting = _greeting(agent.function, first, classes, modules)
    plugins = tuple(dict.fromkeys(each for module in modules for each in _plugins(module)))
    return Parts(
        greets=greets,
        greeting=greeting,
        tools=tuple(_tools(modules, agents, first, classes)),
        llms=tuple(dict.fromkeys(each for module in modules for each in _made(module, "LLM", plugins))),
        realtime=any(called(node) == "RealtimeModel" for each in modules for node in ast.walk(each.tree)),
        keys=tuple(_keys(modules, plugins)),
        plugins=plugins,
    )


def _bases(name: str, classes: dict[str, ast.ClassDef]) -> set[str]:
    """Return the names of a class's bases, those of other files included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        if (node := classes.get(waiting.pop())) is not None:
            # Agent[Data] is an Agent.
            bases = [called(each.value if isinstance(each, ast.Subscript) else each) for each in node.bases]
            waiting += [each for each in bases if each not in found]
            found |= set(bases)
    return found


def _first_agent(entrypoint: Function | None, agents: set[str]) -> ast.Call | str | None:
    """Return the class of the first agent, or the call of `Agent` itself; None if neither is known."""
    nodes = list(ast.walk(entrypoint)) if entrypoint is not None else []
    for node in nodes:
        if not (isinstance(node, ast.Call) and called(node) == "start" and isinstance(node.func, ast.Attribute)):
            continue
        value = next((each.value for each in node.keywords if each.arg == "agent"), node.args[0] if node.args else None)
        if isinstance(value, ast.Name):
            value = next(
                (each.value for each in nodes if isinstance(each, ast.Assign) and _names(each, value.id)), None
            )
        if isinstance(value, ast.Call):
            name = called(value)
            if name == "Agent":
                return value
            if name in agents:
                return name
    return next(iter(agents)) if len(agents) == 1 else None


def _names(statement: ast.Assign, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in statement.targets)


def _greeting(
    entrypoint: Function | None,
    first: ast.Call | str | None,
    classes: dict[str, ast.ClassDef],
    modules: Sequence[Source],
) -> tuple[Greets, str]:
    """Return how the agent greets, as far as it does so without a condition, and its first words."""
    bodies = [entrypoint.body] if entrypoint is not None else []
    if isinstance(first, str):
        bodies += [
            each.body
            for name in (first, *_bases(first, classes))
            if name in classes
            for each in classes[name].body
            if isinstance(each, Function) and each.name == "on_enter"
        ]
    for statement in (each for body in bodies for each in body):
        for node in _statement_calls(statement):
            if called(node) == "generate_reply" and not any(each.arg == "user_input" for each in node.keywords):
                return "model", ""
            if called(node) == "say":
                text = _literal(node, modules)
                return ("says", text) if text else ("no", "")
    return "no", ""


def _statement_calls(statement: ast.stmt) -> Iterator[ast.Call]:
    if isinstance(statement, ast.Expr | ast.Assign):
        yield from (node for node in ast.walk(statement) if isinstance(node, ast.Call))


def _literal(call: ast.Call, modules: Sequence[Source]) -> str:
    """Return the first words of a text in the source; empty if it is made in another way."""
    value = next((each.value for each in call.keywords if each.arg == "text"), call.args[0] if call.args else None)
    if isinstance(value, ast.Name):
        assigned = [each for module in modules for each in module.tree.body if isinstance(each, ast.Assign)]
        value = next((each.value for each in assigned if _names(each, value.id)), None)
    if isinstance(value, ast.JoinedStr):
        value = value.values[0] if value.values else None
        cut = True
    else:
        cut = False
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
        return ""
    words = value.value.split()
    if cut and not value.value.endswith((" ", "\n")):
        words = words[:-1]
    return " ".join(words[:_WORDS])


def _tools(
    modules: Sequence[Source], agents: set[str], first: ast.Call | str | None, classes: dict[str, ast.ClassDef]
) -> Iterator[Tool]:
    start, listed = set[int](), set[str]()
    if isinstance(first, str):
        for node in (classes[each] for each in (first, *_bases(first, classes)) if each in classes):
            start |= {id(each) for each in node.body}
            listed |= _listed(node)
    elif first is not None:
        listed |= _listed(first)
    seen: set[str] = set()
    for module in modules:
        for function in module.functions():
            decorator = next((each for each in function.decorator_list if called(each) == "function_tool"), None)
            if decorator is None:
                continue
            name, raw = function.name, False
            for each in decorator.keywords if isinstance(decorator, ast.Call) else ():
                if each.arg == "name" and isinstance(each.value, ast.Constant):
                    name = str(each.value.value)
                raw = raw or each.arg == "raw_schema"
            if name in seen:
                continue
            seen.add(name)
            at_start = id(function) in start or function.name in listed
            arguments = {} if raw else _arguments(function)
            yield Tool(name, arguments, _hands_over(function, agents), at_start)


def _listed(node: ast.AST) -> set[str]:
    """Return the names in ``tools=[…]`` of a call in the class, or of the call itself."""
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call) and called(each) in ("__init__", "Agent")]
    lists = [each.value for call in calls for each in call.keywords if each.arg == "tools"]
    return {each.id for value in lists for each in ast.walk(value) if isinstance(each, ast.Name)}


def _arguments(function: Function) -> dict[str, Any]:
    """Return a value for each parameter without a default."""
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    needed = positional[: len(positional) - len(spec.defaults)]
    needed += [each for each, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if default is None]
    values: dict[str, Any] = {}
    for parameter in needed:
        annotation = ast.unparse(parameter.annotation) if parameter.annotation is not None else "str"
        if parameter.arg in ("self", "cls") or "RunContext" in annotation:
            continue
        values[parameter.arg] = _value(parameter.annotation, annotation)
    return values


def _value(node: ast.expr | None, annotation: str) -> Any:
    if isinstance(node, ast.Subscript) and called(node.value) == "Literal":
        choice = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        return choice.value if isinstance(choice, ast.Constant) else "test"
    kind = re.sub(r"^(?:Annotated|Optional)\[", "", annotation.strip("'\"")).split("[")[0].split(",")[0].split("|")[0]
    return _VALUES.get(kind.strip(" ]").lower(), "test")


def _hands_over(function: Function, agents: set[str]) -> bool:
    returned = ast.unparse(function.returns) if function.returns is not None else ""
    if set(re.findall(r"\w+", returned)) & (agents | {"Agent"}):
        return True
    values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    return any(called(node) in agents for value in values for node in ast.walk(value) if isinstance(node, ast.Call))


def _plugins(module: Source) -> Iterator[str]:
    for name, imported, _ in module.imports():
        parts = name.split(".")
        if parts[:2] == ["livekit", "plugins"]:
            yield from (each for each in (parts[2] if len(parts) > 2 else imported,) if each)


def _made(module: Source, kind: str, plugins: Sequence[str]) -> Iterator[str]:
    """Yield the plugins of which the module makes a model of a kind."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and called(node) == kind and isinstance(node.func, ast.Attribute):
            owner = called(node.func.value)
            if owner in plugins:
                yield owner


def _keys(modules: Sequence[Source], plugins: Sequence[str]) -> Iterator[str]:
    """Yield the variables with keys: those of its plugins, and those that its own code names."""
    vendors = [each.upper().removesuffix("LABS") + "_" for each in plugins]
    found = {each for each in KEYS for vendor in vendors if each.startswith(vendor) and not each.startswith("LIVEKIT")}
    for module in modules:
        texts = (node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant))
        found |= {each for each in texts if isinstance(each, str) and _KEY.fullmatch(each)}
    yield from sorted(found)
