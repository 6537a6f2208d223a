"""What does a method say of itself: what it takes, gives and does?"""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.protocol.endpoints import Endpoint, Param

F = TypeVar("F", bound="Callable[..., Any]")
TYPES = {"time": "datetime | str", "any": "Any", "file": "File"}  # the others are Python's own
OPTIONS = """`extra_headers`, `extra_query`, `extra_body`, `betas`, `timeout` (seconds of silence),
`total_timeout` (seconds), `max_retries` and `retry_unknown` are per call. Raises ClaudeError."""


def of(row: Endpoint) -> Signature:
    """Return what the method takes: the path's parameters by place, all else by keyword."""
    given = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation="str") for name in row.names]
    for one in sorted(row.params.values(), key=lambda param: not param.needed):
        kind = annotation(one) if one.needed else f"{annotation(one)} | None"
        usual = Parameter.empty if one.needed else None
        given.append(Parameter(one.name, Parameter.KEYWORD_ONLY, annotation=kind, default=usual))
    options = Parameter("options", Parameter.VAR_KEYWORD, annotation="Any")
    return Signature([*given, options], return_annotation=gives(row))


def annotation(param: Param) -> str:
    """Return a parameter's type as Python writes it."""
    one = TYPES.get(param.type, param.type)
    if "|" in param.type or param.type in ("1d", "us"):
        one = f"Literal[{', '.join(map(repr, param.type.split('|')))}]"
    return f"list[{one if param.type != 'str' else 'Any'}]" if param.many else one


def gives(row: Endpoint) -> str:
    """Return what the method gives, as Python writes it: `Page[Skill]`, `Feed[bytes]`, `Skill`."""
    if row.paging:
        return f"Page[{row.answer}]"
    streamed = row.kind in ("binary", "jsonl") or (row.kind == "sse" and row.method == "GET")
    return f"Feed[{row.answer}]" if streamed else row.answer


def signed(row: Endpoint, **more: str) -> Callable[[F], F]:
    """Give a method a row's signature, so that completion offers its parameters; `more` by keyword."""

    def sign(method: F) -> F:
        own = Parameter("self", Parameter.POSITIONAL_ONLY)
        given = [Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in more.items()]
        answer = method.__annotations__["return"]
        found = Signature([own, *given, *of(row).parameters.values()], return_annotation=answer)
        method.__signature__ = found  # type: ignore[attr-defined]
        return method

    return sign


def about(row: Endpoint) -> str:
    """Return what a row says of itself, as the documentation of its method."""
    verb = row.name.rpartition(".")[2].replace("_", " ").capitalize()
    says = [f"{verb}: {row.method} {row.path}, which answers {row.answer}.", ""]
    if row.paging:
        most = f" (1 to {row.most_items})" if row.most_items else ""
        says.append(f"A list: iterating goes on through all pages; `limit` is the size of a page{most}.")
        says.append("`.to_frame()` makes a DataFrame of all items; `.data` has those of the first page.")
    if row.paid or row.once:
        says.append("Not repeated where its fate is unknown, as a repeat could be charged or made twice.")
    if row.betas:
        says.append(f"Beta: {', '.join(row.betas)} is sent along.")
    return "\n".join([*says, OPTIONS, "", row.doc])
