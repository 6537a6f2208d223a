"""How do endpoint rows become callable namespaces?

`client.files.list` is the row `files.list`: a `Space` finds it in the table when it is first used and makes a
method with the row's signature and documentation. A class in `resources.KINDS` adds what a row cannot say.
One set of methods serves both clients: the caller's `run` returns a result, or an awaitable of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial, reduce
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from claude_magic.api import feeds
from claude_magic.api.caller import SyncCaller, shaped, whole
from claude_magic.api.parameters import IN_PATH, stays
from claude_magic.errors import InputError
from claude_magic.protocol import instead, signatures
from claude_magic.protocol.endpoints import ENDPOINTS, Endpoint, match
from claude_magic.wire import Record


class Space:
    """A part of the API: its calls are methods, its parts are attributes."""

    _name = ""

    def __init__(self, caller: Any, name: str = "") -> None:
        self._caller: SyncCaller = caller  # or an AsyncCaller, whose run gives awaitables
        self._way, self._name = caller._way, name  # noqa: SLF001 - how it is gone through is for this package

    def __getattr__(self, word: str) -> Any:
        name = f"{self._name}.{word}" if self._name else word
        made: Any
        if row := ENDPOINTS.get(name):
            made = method(self._caller, row)
        elif name == "beta":  # the same calls: a row knows itself which header it needs
            made = Space(self._caller)
        elif name in parts():
            made = _kind(name)(self._caller, name)
        else:
            known = parts().get(self._name, ())
            raise AttributeError(word if word[:1] == "_" else instead.absent(self._name, word, known))
        self.__dict__[word] = made
        return made

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *parts().get(self._name, ())})

    def __repr__(self) -> str:
        return f"<client.{self._name or 'beta'}: {', '.join(sorted(parts().get(self._name, ())))}>"

    def _ask(self, verb: str, *args: Any, **params: Any) -> Any:
        return ask(self._caller, ENDPOINTS[f"{self._name}.{verb}"], args, params)


@cache
def _kind(name: str) -> type[Space]:
    """Return a class that is in no source, so that completion looks at what is there and not at that."""
    from claude_magic.api.resources import KINDS  # which are Spaces themselves

    return type(f"client.{name}", (KINDS.get(name, Space),), {})


@cache
def parts() -> dict[str, tuple[str, ...]]:
    """Return what is in each namespace: its calls and further namespaces; "" is the client itself."""
    found: dict[str, dict[str, None]] = {}
    for name in ENDPOINTS:
        words = name.split(".")
        for n, word in enumerate(words):
            found.setdefault(".".join(words[:n]), {})[word] = None
    return {space: tuple(words) for space, words in found.items()}


def method(caller: Any, row: Endpoint) -> Callable[..., Any]:
    """Return the function that makes a row's calls, with the row's own signature."""

    def call(*args: Any, **params: Any) -> Any:
        return ask(caller, row, args, params)

    call.__name__ = row.name.rpartition(".")[2]
    call.__qualname__ = f"client.{row.name}"
    call.__doc__ = signatures.about(row)
    call.__signature__ = signatures.of(row)  # type: ignore[attr-defined]
    if row.paging or caller.feed is feeds.Feed:  # for completion; the others return awaitables
        found = caller.listed if row.paging else caller.feed if _splitter(row, {}) else Record
        call.__annotations__ = {"return": found}
    return call


def ask(caller: Any, row: Endpoint, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
    """Make a row's call; returns a Record, a Page, or a Feed of what arrives in pieces (or an awaitable)."""
    rest = dict(params)
    path = dict(_path(row, args, rest))
    if row.paging:
        return _pages(caller, row, path, rest)
    splitter = _splitter(row, rest)
    call = caller.call(row, rest, stream=splitter is not None, **path)
    return caller.run(call, partial(caller.feed, splitter=splitter) if splitter else whole)


def _path(row: Endpoint, args: tuple[Any, ...], rest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the path's parameters: given by place are, in the path's order, those not given by name."""
    unnamed = [name for name in row.names if rest.get(name) is None]
    if len(args) > len(unnamed):
        what = f"takes {', '.join(row.names)} by place" if row.names else "takes keywords only"
        raise InputError(f"{row.name} {what}", hint="Give everything else by its name.")
    placed = dict(zip(unnamed, args, strict=False))
    for name in row.names:
        value = placed.get(name, rest.pop(name, None))
        value = value.get("id") if isinstance(value, Mapping) else value  # of what the API gave
        if value is None:
            raise InputError(f"{row.name} needs {name}", hint=f"Give {name}=…")
        yield name, value


def _splitter(row: Endpoint, params: Mapping[str, Any]) -> type[feeds.Bytes] | None:
    """Return what takes an answer apart that arrives in pieces; None for one that is read whole."""
    if row.kind == "sse" and row.method == "POST":
        return feeds.Writing if params.get("stream") else None
    return {"binary": feeds.Bytes, "jsonl": feeds.Lines, "sse": feeds.Events}.get(row.kind)


def _pages(caller: Any, row: Endpoint, path: Mapping[str, str], params: Mapping[str, Any]) -> Any:
    """Return a list, each of whose pages is asked for with the same parameters and a cursor."""
    same = {name: list(value) if isinstance(value, Iterator) else value for name, value in params.items()}
    trail: dict[tuple[Any, ...], int] = {}

    def fetch(cursor: Mapping[str, Any]) -> Any:
        asked = {**same, **cursor}
        page = partial(caller.page, more=fetch, query=asked, trail=trail)
        return caller.run(caller.call(row, asked, **path), partial(shaped, kind=page))

    return caller.pages(fetch)


def request(caller: Any, verb: str, path: str, params: Mapping[str, Any]) -> Any:
    """Make any call by verb and path; what the table has is its own method."""
    bare, _, query = path.partition("?")
    segments = [unquote(segment) for segment in bare.split("/")[1:]]
    if not (bare.startswith("/") and verb.isalpha() and all(map(stays, segments))):
        raise InputError(f"{verb} {path!r} is no call of the API", hint='Try "GET", "/v1/models".')
    verb, asked = verb.upper(), dict(params)
    if verb in ("GET", "DELETE"):
        asked = {**_query(query), **asked}
    elif query:
        asked["extra_query"] = {**_query(query), **(asked.get("extra_query") or {})}
    if found := match(verb, bare):
        row, names = found
        own = reduce(getattr, row.name.split("."), Space(caller))
        return own(**asked, **{name: unquote(value) for name, value in names.items()})  # type: ignore[operator]
    plain = "".join(f"/{quote(segment, safe=IN_PATH)}" for segment in segments)
    unknown = verb not in ("GET", "DELETE")
    return caller.run(caller.call(Endpoint(verb, verb, plain, paid=unknown, once=unknown), asked), whole)


def _query(text: str) -> dict[str, Any]:
    """Return the parameters that a query spells: `a=1&ids[]=x&ids[]=y&created_at[gte]=z`."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        stem, _, bound = name.rstrip("]").partition("[")
        if bound:
            found.setdefault(stem, {})[bound] = value
        elif stem != name:
            found.setdefault(stem, []).append(value)
        else:
            found[name] = value
    return found
