"""How does a Python function become a tool?

Its name, docstring, types and defaults make the definition; its types check the arguments of a call.
https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from claude_magic import bridge, schema
from claude_magic.errors import InputError
from claude_magic.grammar.keywords import unknown
from claude_magic.grammar.words import short
from claude_magic.prompts import private
from claude_magic.schema import kinds
from claude_magic.tools import docstrings, server

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")
MARK = "__claude_tool__"
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
TABLES = ("pandas", "polars", "pyarrow", "numpy", "matplotlib", "PIL", "duckdb")
PLAIN = (bool, int, float, str)  # types of defaults that stand for a type that is not written


class Mark(NamedTuple):
    """What `@tool` says of a function."""

    side_effects: bool | None = None
    name: str = ""
    description: str = ""
    own_loop: bool = False
    timeout: float | None = None
    runs: str = ""


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *,
    side_effects: bool | None = None,
    name: str = "",
    description: str = "",
    own_loop: bool = False,
    timeout: float | None = None,
    runs: str = "",
) -> Callable[[F], F]: ...


def tool(function: Any = None, /, **said: Any) -> Any:
    """Mark a function as a tool; it stays the function it is.

    `side_effects` makes every call ask first. `name` and `description` take the place of the function's own.
    An async function runs on the kernel's loop with `own_loop`, and for `timeout` seconds at most. `runs`
    names a tool of the API that the function carries out: "bash", "text_editor", "memory", "computer" or
    "browser"; these count as having side effects unless `side_effects` is False.
    """
    if wrong := unknown("tool", said, Mark._fields):
        raise wrong
    mark = Mark(**said)
    if mark.runs and not (mark.runs in server.KNOWN and server.KNOWN[mark.runs].here):
        here = ", ".join(word for word, known in server.KNOWN.items() if known.here)
        raise InputError(f"{mark.runs!r} is no tool that runs here", hint=f"Give runs= one of {here}.")

    def marked(function: F) -> F:
        try:
            if callable(function):
                setattr(function, MARK, mark)
                return function
        except AttributeError:  # Python's own, or a method
            pass
        hint = "Write a small function around it, with types: def name(x: int): …"
        raise InputError(f"{short(repr(function))} cannot be marked as a tool", hint=hint)

    return marked if function is None else marked(function)


@dataclass(frozen=True)
class Tool:
    """A function as a tool: `definition` for the API, and `call` for what comes back from it.

    `strict` says that the service can hold Claude to the schema. `toolset` is the word of a toolset whose
    members the function runs, with the member's name as its first argument.
    """

    name: str
    definition: dict[str, Any]
    function: Callable[..., Any]
    load: Callable[[dict[str, Any]], dict[str, Any]]
    strict: bool = False
    side_effects: bool = False
    toolset: str = ""
    mark: Mark = field(default_factory=Mark)

    @property
    def inner(self) -> Any:
        """The plain function inside a method, partial or callable object."""
        return _inner(self.function)

    def call(self, arguments: dict[str, Any], *, timeout: float | None = None) -> Any:
        """Call the function with arguments that `load` has returned; an async one runs to its end."""
        args, named = list[Any](), dict(arguments)
        if not self.mark.runs:
            takes = inspect.signature(self.function).parameters.values()
            args = [named.pop(p.name) for p in takes if p.kind is p.POSITIONAL_ONLY and p.name in named]
        elif self.toolset:
            args.append(named.pop("member"))
        value = self.function(*args, **named)
        if inspect.isawaitable(value):
            value = bridge.run(value, own_loop=self.mark.own_loop, timeout=self.mark.timeout or timeout)
        return value


def define(function: Any) -> Tool:
    """Return a function, method, partial or callable object as a tool; raises InputError with why not."""
    inner, mark = _inner(function), _mark(function)
    if mark.runs:
        return _client_side(function, mark)
    name = mark.name or _name(function, inner)
    _refuse(function, inner, name)
    said = docstrings.read(inspect.getdoc(inner) or _class_doc(function))
    about = mark.description or said.about
    wanted, notes, optional = _parameters(function, inner, name, said.parameters)
    try:
        takes = schema.arguments(wanted, notes=notes, optional=optional)
    except InputError as error:
        raise InputError(f"{name} is no tool: {error.message}", hint=error.hint) from None
    definition = {"name": name, **({"description": about} if about else {}), "input_schema": takes.schema}
    return Tool(name, definition, function, takes.load, takes.strict, bool(mark.side_effects), mark=mark)


def _client_side(function: Any, mark: Mark) -> Tool:
    known, definition = server.KNOWN[mark.runs], server.server_tool(mark.runs)
    risky = mark.side_effects is not False
    toolset = "" if known.name else mark.runs
    name = known.name or mark.runs
    return Tool(name, definition, function, dict, side_effects=risky, toolset=toolset, mark=mark)


def _inner(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    if not (inspect.isroutine(function) or inspect.isclass(function)):
        function = getattr(type(function), "__call__", function)  # noqa: B004 # the method itself is wanted
    return getattr(function, "__func__", function)


def _mark(function: Any) -> Mark:
    places = (function, _inner(function), getattr(function, "func", None), type(function))
    return next((found for place in places if isinstance(found := getattr(place, MARK, None), Mark)), Mark())


def _name(function: Any, inner: Any) -> str:
    """Return a name the API takes: the function's own, or in snake case that of a callable object's class."""
    own = getattr(inner, "__name__", "")
    if own == "__call__":
        own = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(function).__name__).lower()
    plain = unicodedata.normalize("NFKD", own).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-zA-Z0-9_-]", "_", plain)[:64] if own != "<lambda>" else ""


def _class_doc(function: Any) -> str | None:
    return None if inspect.isroutine(function) else type(function).__doc__


def _refuse(function: Any, inner: Any, name: str) -> None:
    if inspect.ismodule(function):
        hint = f"Name one of its functions: --tool {function.__name__}.function"
        raise InputError(f"{function.__name__} is a module, not a function", hint=hint)
    if inspect.isclass(function):
        raise InputError(f"{function.__name__} is a class", hint="Write a function that makes one.")
    if not callable(function):
        raise InputError(
            f"A tool is a function, not of type {type(function).__name__}", hint="Write: def name(x: int): …"
        )
    if not NAME.fullmatch(name):
        raise InputError("A tool needs a name of letters, digits, - and _", hint="Write: def name(x: int): …")
    if inspect.isasyncgenfunction(inner):
        raise InputError(f"{name} yields one after the other", hint="Let it return a list.")


def _parameters(
    function: Any, inner: Any, name: str, said: dict[str, str]
) -> tuple[dict[str, Any], dict[str, str], set[str]]:
    """Return the type of each parameter, what is said of it, and which may be left out."""
    try:
        signature = inspect.signature(function)
        hints = typing.get_type_hints(inspect.unwrap(inner), include_extras=True)
    except NameError as error:
        raise InputError(f"{name} is no tool: {error}", hint="Define that type in a cell first.") from None
    except (ValueError, TypeError):
        hint = "Write a small function around it: def name(x: int): …"
        raise InputError(f"{name} does not say what it takes", hint=hint) from None
    wanted: dict[str, Any] = {}
    notes: dict[str, str] = {}
    optional = set()
    for p in signature.parameters.values():
        if p.name in _fixed(function) or p.kind is p.VAR_KEYWORD:
            continue
        if p.kind is p.VAR_POSITIONAL:
            raise InputError(f"{name} takes any number of {p.name}", hint=f"Take a list: {p.name}: list[str]")
        wanted[p.name] = _type(p, hints.get(p.name, p.empty), name)
        if p.default is not p.empty:
            optional.add(p.name)
        notes[p.name] = _note(p, kinds.told(wanted[p.name]) or said.get(p.name, ""))
    return wanted, notes, optional


def _fixed(function: Any) -> set[str]:
    """Return the names a partial has given values to, which are not Claude's to choose."""
    found: set[str] = set()
    while isinstance(function, functools.partial):
        found |= set(function.keywords)
        function = function.func
    return found


def _type(p: inspect.Parameter, hint: Any, name: str) -> Any:
    if hint is p.empty and type(p.default) in PLAIN:
        hint = type(p.default)
    if hint is p.empty:
        raise InputError(f"{p.name} of {name} has no type", hint=f"Write {p.name}: str, or what it is.")
    for one in (hint, *typing.get_args(hint)):
        package = str(getattr(one, "__module__", "")).partition(".")[0]
        if package in TABLES:
            what = getattr(one, "__name__", str(one))
            hint = "Let the function use the notebook's variable itself, or take its name as a str."
            raise InputError(
                f"{p.name} of {name} is a {what}, which Claude cannot write into a call", hint=hint
            )
    return hint


def _note(p: inspect.Parameter, said: str) -> str:
    """Return what is said of a parameter, with a default that is worth knowing."""
    if type(p.default) not in PLAIN or p.default == "" or private.is_secret(p.name, p.default):
        return said
    default = f"default {p.default!r}"
    return f"{said.rstrip('.')} ({default})" if said else default
