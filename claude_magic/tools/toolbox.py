"""What is done when Claude calls a tool?

The call is checked, shown, approved where it must be, run, and answered: with a result, or with an error that
says what to do better. A toolbox never runs more than `max_calls` calls (promises O2 and O5).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from claude_magic.errors import InputError, nearest
from claude_magic.schema import sent
from claude_magic.tools import results, server
from claude_magic.tools.functions import Tool, define
from claude_magic.wire import NO_OBJECT, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from claude_magic.tools.results import Content

MOST_CALLS = 50
TIMEOUT = 60.0  # seconds of an async call
MOST_STRICT = 20  # strict tools of a request
REFUSED = "The user refused this call"
INTERRUPTED = "The user interrupted this call; it may have run in part"
NOT_RUN = "This call was not run: the user interrupted an earlier one"


class Ran(NamedTuple):
    """A call that was answered: what Claude gave, what it got, and the seconds the function took."""

    name: str
    input: dict[str, Any]
    content: Content
    is_error: bool
    seconds: float


class ToolWatch(Protocol):
    """What is told of calls as they happen."""

    def calling(self, name: str, arguments: dict[str, Any]) -> None:
        """Hear of a call before it is approved and run."""

    def called(self, ran: Ran) -> None:
        """Hear what became of it."""


class _Wrong(Exception):  # noqa: N818 # what Claude is told instead of a result
    """Why a call has no result."""


def listed(tools: Any) -> Iterable[Any]:
    """Return tools as they are given, also where it is one alone."""
    alone = isinstance(tools, str | dict | server.Mcp) or not isinstance(tools, Iterable)
    return [tools] if alone else tools


class Toolbox:
    """The tools of a question, and the calls that were made; `calls` has them in order.

    A tool is a function (see `functions.define`), a Tool, a definition such as `server_tool("web_search")` or
    its word alone, or an `Mcp`. `approve(name, arguments)` returns True, or False or the reason why not; it
    is asked before every call where `always`, else before calls of functions with side effects. `beside` is
    what an answer's schema takes of a request's totals. Raises InputError for what is no tool, two tools of
    one name, and side effects with nobody to ask.
    """

    def __init__(
        self,
        tools: Iterable[Any],
        *,
        approve: Callable[[str, dict[str, Any]], bool | str] | None = None,
        always: bool = False,
        max_calls: int = MOST_CALLS,
        timeout: float | None = TIMEOUT,
        watch: ToolWatch | None = None,
        beside: sent.Weight | None = None,
    ) -> None:
        self.approve, self.always, self.max_calls = approve, always, max_calls
        self.timeout, self.watch, self.beside = timeout, watch, beside or sent.Weight()
        self.calls: list[Ran] = []
        self.servers: list[server.Mcp] = []
        self._tools: dict[str, Tool] = {}
        self._order: list[Tool | dict[str, Any]] = []
        for one in listed(tools):
            self._add(one)
        self._check()

    def _add(self, one: Any) -> None:
        if isinstance(one, server.Mcp):
            self.servers.append(one)
            one = one.toolset
        if isinstance(one, str):
            one = _of_service(one)
        made = one if isinstance(one, dict | Tool) else define(one)
        name = made.get("name") if isinstance(made, dict) else made.name
        if isinstance(made, Tool) and name in self._tools and self._tools[name].function == made.function:
            return
        if name and name in (*self._tools, *(other.get("name") for other in self._others)):
            hint = "Give one of them another: @claude_magic.tool(name='other')"
            raise InputError(f"There are two tools named {name}", hint=hint)
        if isinstance(made, Tool):
            self._tools[made.name] = made
        self._order.append(made)

    @property
    def _others(self) -> list[dict[str, Any]]:
        """The tools with no function here."""
        return [one for one in self._order if isinstance(one, dict)]

    def _check(self) -> None:
        for one in self._others:
            if word := server.runs_here(one):
                raise InputError(
                    f"{word} runs on this machine, and there is no function for it",
                    hint=f"Mark one with @claude_magic.tool(runs={word!r}), and name that function instead.",
                )
            if "input_schema" in one:
                raise InputError(
                    f"{one.get('name')} is only the definition of a tool, with no function to run",
                    hint="Give the function itself; the definition is made from it.",
                )
        if self.approve is None and (risky := [t.name for t in self._tools.values() if self._asks(t)]):
            raise InputError(
                f"{', '.join(risky)} must be approved before each call, and there is nobody to ask",
                hint="Pass approve=function, which gets name and arguments and returns True or False.",
            )

    @property
    def tools(self) -> list[Any]:
        """All of the tools, as another Toolbox takes them."""
        toolsets = [server.toolset for server in self.servers]
        return [*(one for one in self._order if one not in toolsets), *self.servers]

    def _asks(self, tool: Tool) -> bool:
        return self.always or tool.side_effects

    @property
    def definitions(self) -> list[dict[str, Any]]:
        """What goes into `tools` of a request; functions are strict as far as a request allows it."""
        strict, total = 0, self.beside
        made: list[dict[str, Any]] = []
        for one in self._order:
            if isinstance(one, dict):
                made.append(plain(one))
                continue
            more = sent.weight(one.definition.get("input_schema"))
            with_it = sent.Weight(total.optional + more.optional, total.unions + more.unions)
            holds = one.strict and strict < MOST_STRICT and with_it.fits
            if holds:
                strict, total = strict + 1, with_it
            made.append({**plain(one.definition), **({"strict": True} if holds else {})})
        return made

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter of `messages.create` that the tools need: `tools`, and with MCP more."""
        betas = [*(one.beta for one in self.servers), *filter(None, map(server.beta, self._others))]
        servers = [plain(one.server) for one in self.servers]
        return {
            "tools": self.definitions,
            **({"mcp_servers": servers} if servers else {}),
            **({"betas": list(dict.fromkeys(betas))} if betas else {}),
        }

    @property
    def names(self) -> list[str]:
        """The names of the functions there are."""
        return list(self._tools)

    @property
    def hints(self) -> list[str]:
        """What would make the tools better, in a line each."""
        return [
            f"{tool.name} has no docstring; a line on what it does and when to use it helps Claude"
            for tool in self._tools.values()
            if not tool.mark.runs and not tool.definition.get("description")
        ]

    def run(self, block: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a `tool_use` block and return its `tool_result`; only an interrupt is raised.

        What goes wrong is a result with `is_error`, for Claude to read and do better.
        """
        name, arguments = str(block.get("name", "")), plain(block.get("input"))
        given = arguments if isinstance(arguments, dict) else {NO_OBJECT: arguments}
        started = time.monotonic()
        content: Content
        try:
            content, is_error = self._result(block, name, given), False
        except _Wrong as error:
            content, is_error = str(error), True
        ran = Ran(name, given, content, is_error, time.monotonic() - started)
        self.calls.append(ran)
        if self.watch is not None:
            self.watch.called(ran)
        return answered(block, content, is_error=is_error)

    def _result(self, block: Mapping[str, Any], name: str, given: dict[str, Any]) -> Content:
        if len(self.calls) >= self.max_calls:
            raise _Wrong(
                f"Not run: the limit of {self.max_calls} calls is reached. Answer with what you have."
            )
        tool = self._find(name, block.get("toolset_name"))
        if not isinstance(block.get("input"), dict):  # a call that was torn runs with no part of it
            raise _Wrong("The arguments are no JSON object. Call again with all of them.")
        try:
            arguments = tool.load(given)
        except ValueError as error:
            raise _Wrong(f"The arguments do not fit: {str(error).splitlines()[0]}") from None
        if tool.toolset:
            arguments = {"member": name, **arguments}
        if self.watch is not None:
            self.watch.calling(name, given)
        self._ask(tool, name, given)
        try:
            return results.content(tool.call(arguments, timeout=self.timeout), f"the result of {name}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # even SystemExit: the kernel is not Claude's to end
            raise _Wrong(_failure(error, tool)) from None

    def _find(self, name: str, toolset: Any) -> Tool:
        if toolset and (found := self._tools.get(str(toolset))) and found.toolset:
            return found
        tool = self._tools.get(name)
        if tool is None or tool.toolset:
            near = nearest(name, self._tools)
            there = f"There {'are' if len(self._tools) > 1 else 'is'} {', '.join(self._tools) or 'none'}."
            raise _Wrong(f"There is no tool {name!r}. {f'Did you mean {near}? ' if near else ''}{there}")
        return tool

    def _ask(self, tool: Tool, name: str, given: dict[str, Any]) -> None:
        if not self._asks(tool):
            return
        said = self.approve(name, given) if self.approve is not None else False
        if said is not True:
            raise _Wrong(f"{REFUSED}: {said}" if isinstance(said, str) and said else f"{REFUSED}.")

    def answer_each(self, calls: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the result of each `tool_use` block, one after the other, in order."""
        for block in calls:
            yield self.run(block)


def uses(content: Iterable[Any]) -> list[Mapping[str, Any]]:
    """Return the `tool_use` blocks among content blocks: what is to be answered here."""
    return [b for b in content if isinstance(b, dict) and b.get("type") == "tool_use"]


def answered(block: Mapping[str, Any], content: Content, *, is_error: bool) -> dict[str, Any]:
    """Return the `tool_result` for a `tool_use` block."""
    made: dict[str, Any] = {"type": "tool_result", "tool_use_id": block["id"], "content": content}
    if is_error:
        made["is_error"] = True
    if block.get("toolset_name"):
        made["toolset_name"] = block["toolset_name"]
    return made


def _of_service(name: str) -> dict[str, Any]:
    try:
        return server.server_tool(name)
    except InputError as error:
        error.hint = f"A function is given itself, without quotes: tools=[{name}]. {error.hint}"
        raise


def _failure(error: BaseException, tool: Tool) -> str:
    try:
        return results.failure(error, tool.inner)
    except InputError:
        return f"{type(error).__name__}; its message is held back, as it holds a secret"
