"""Is what a question is given of the kind that it can use?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.grammar.words import short
from claude_magic.talk.thread import Thread

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(NamedTuple):
    """What a keyword may be: whether a value fits, what does in words, and one that does."""

    fits: Callable[[Any], bool]
    what: str
    example: str


def _a(*types: type) -> Callable[[Any], bool]:
    return lambda value: value is None or isinstance(value, types)


def is_client(value: Any) -> bool:
    """Return whether a value is a client whose calls are not awaited, or None."""
    from claude_magic.api.client import Client

    return value is None or isinstance(value, Client)


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number above 0."""
    return type(value) is int and value > 0


def is_switch(value: Any) -> bool:
    """Return whether a value is True or False."""
    return isinstance(value, bool)


def are_turns(value: Any) -> bool:
    """Return whether a value is a list of messages, with one at least."""
    return isinstance(value, list) and bool(value) and all(isinstance(turn, dict) for turn in value)


KINDS = {
    # those keywords that no setting checks
    "thread": Kind(_a(str, Thread), "the name of a conversation, or a Thread", 'thread="rome"'),
    "skills": Kind(_a(Iterable), "a list of names", 'skills=["xlsx"]'),
    "choices": Kind(_a(Iterable, type), "a list of labels, or an Enum", 'choices=["yes", "no"]'),
    "compare": Kind(_a(Iterable), "a list of models", 'compare=["haiku", "opus"]'),
    "params": Kind(_a(Mapping), "a dict of fields of the request", 'params={"stop_sequences": ["END"]}'),
    "client": Kind(is_client, "a Client, which is not awaited", 'client=Client(base_url="practice:")'),
}
FIELDS = {
    # fields of a request that others are added to here, and so must be what the API says they are
    "messages": Kind(
        are_turns, "a list of turns", 'params={"messages": [{"role": "user", "content": "Hi"}]}'
    ),
    "tools": Kind(_a(list), "a list", 'params={"tools": [server_tool("web_search")]}'),
    "output_config": Kind(_a(dict), "a dict", 'params={"output_config": {"effort": "low"}}'),
}


def check(given: Mapping[str, Any], kinds: Mapping[str, Kind] = KINDS) -> None:
    """Raise InputError for the first value that is not of its kind."""
    for name, kind in kinds.items():
        if name in given and not kind.fits(given[name]):
            what = f"{name} must be {kind.what}, not {short(repr(given[name]))}"
            raise InputError(what, hint=f"Give {kind.example}")


def check_fields(params: Mapping[str, Any]) -> None:
    """Raise InputError for a field of a request that cannot be put into its body."""
    if wrong := [name for name in params if not isinstance(name, str)]:
        raise InputError(f"A field of a request has a name, not {short(repr(wrong[0]))}", hint="Give a text.")
    check(params, FIELDS)
