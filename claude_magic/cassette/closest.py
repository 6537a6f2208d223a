"""Which recorded request is the closest to one that was not recorded, and what differs?"""

from __future__ import annotations

import difflib
import itertools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAMES = {"version": "anthropic-version", "betas": "anthropic-beta"}
MOST = 2  # differences that are told
SHOWN, BEFORE = 60, 20  # characters of a value that is told, and how many of them before it differs
COMPARED = 400  # characters of values that are compared to find the closest
_NONE = object()


class Difference(NamedTuple):
    """A field, what was recorded in it, and what is asked now."""

    field: str
    recorded: Any
    asked: Any

    def __str__(self) -> str:
        return f"{self.field}: {' → '.join(_shown(self.recorded, self.asked))}"


class Closest(NamedTuple):
    """A recorded request, its number, and how it differs from what is asked."""

    number: int
    request: dict[str, Any]
    differences: list[Difference]


def closest(asked: dict[str, Any], recorded: Iterable[tuple[int, dict[str, Any]]]) -> Closest | None:
    """Return the recorded request of the same question, or that differs least; None: none is of that call.

    Requests are given as a cassette's lines hold them, with their numbers.
    """
    same_call = (
        Closest(number, other, [*differences(other, asked)])
        for number, other in recorded
        if (other.get("method"), other.get("path")) == (asked["method"], asked["path"])
    )

    def distance(found: Closest) -> tuple[bool, int, float]:
        other = not has_same_question(found.request, asked)
        return other, len(found.differences), -_likeness(found.differences)

    return min(same_call, key=distance, default=None)


def differences(recorded: Any, asked: Any, field: str = "") -> Iterator[Difference]:
    """Yield the fields that differ, each as high up as it differs as a whole."""
    if isinstance(recorded, dict) and isinstance(asked, dict) and "sha256" not in {*recorded, *asked}:
        for name in {**recorded, **asked}:
            inner = NAMES.get(name, name) if not field else name
            path = inner if field in ("", "body") else f"{field}.{inner}"
            yield from differences(recorded.get(name, _NONE), asked.get(name, _NONE), path)
    elif isinstance(recorded, list) and isinstance(asked, list):
        for n, (a, b) in enumerate(itertools.zip_longest(recorded, asked, fillvalue=_NONE)):
            yield from differences(a, b, f"{field}[{n}]")
    elif recorded != asked:
        yield Difference(field, recorded, asked)


def told(found: list[Difference], asked: dict[str, Any]) -> str:
    """Return the first differences in one line, the question in words, and how many more there are."""
    question = re.compile(rf"messages\[{len(_turns(asked)) - 1}\]\.content(\[\d+\]\.text)?")
    named = [
        str(d._replace(field="the question") if question.fullmatch(d.field) else d) for d in found[:MOST]
    ]
    more = len(found) - MOST
    return "; ".join(named) + (f"; and {more} more" if more > 0 else "")


def has_other_turns(recorded: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Say whether the turns before the question are not those that were recorded."""
    return _turns(recorded)[:-1] != _turns(asked)[:-1]


def has_same_question(recorded: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Say whether both end with the same message."""
    return bool(_turns(asked)) and _turns(recorded)[-1:] == _turns(asked)[-1:]


def _turns(request: dict[str, Any]) -> list[Any]:
    body = request.get("body")
    turns = body.get("messages") if isinstance(body, dict) else None
    return turns if isinstance(turns, list) else []


def _likeness(found: list[Difference]) -> float:
    """Return how alike the differing values are: 1 where they are the same."""
    ratios = [
        difflib.SequenceMatcher(None, _text(d.recorded)[:COMPARED], _text(d.asked)[:COMPARED]).quick_ratio()
        for d in found[:MOST]
    ]
    return sum(ratios) / len(ratios) if ratios else 1.0


def _text(value: Any) -> str:
    if isinstance(value, dict) and "sha256" in value:  # a long text, or bytes
        return str(value.get("begins", value["sha256"]))
    return "nothing" if value is _NONE else str(value)


def _shown(recorded: Any, asked: Any) -> list[str]:
    """Return both values cut to where they begin to differ."""
    a, b = _text(recorded), _text(asked)
    if a == b and isinstance(recorded, dict) and isinstance(asked, dict):  # long texts that begin alike
        a, b = (f"{v.get('bytes', 0):,} bytes ({str(v.get('sha256'))[:8]})" for v in (recorded, asked))
    same = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    start = max(0, same - BEFORE)
    cut = [
        f"{'…' if start else ''}{t[start : start + SHOWN]}{'…' if len(t) > start + SHOWN else ''}"
        for t in (a, b)
    ]
    both = zip(cut, (recorded, asked), strict=True)
    return [repr(t) if isinstance(v, str) else " ".join(t.split()) for t, v in both]
