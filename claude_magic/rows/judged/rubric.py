"""What is judged, and how: which criteria does a rubric have?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from claude_magic.errors import InputError

SCALE = (1, 5)
ONE, REASON = "score", "reason"
WHY = "one sentence that names what decides"
USABLE = 'Give a text, or {"polite": "how polite it is", "topic": ["bug", "praise"], "stars": (1, 10)}.'


class Criterion(NamedTuple):
    """What is judged, and how: by `labels` or else whole numbers on a `scale`, or yes or no with neither."""

    name: str
    says: str = ""
    labels: Sequence[str] = ()
    scale: tuple[int, int] | None = None

    @property
    def output(self) -> Any:
        """The type of a judgement."""
        if self.labels:
            return Literal[tuple(self.labels)]
        return Annotated[int, msgspec.Meta(ge=self.scale[0], le=self.scale[1])] if self.scale else bool

    @property
    def how(self) -> str:
        """What a judgement can be, in words."""
        if self.scale:
            return f"from {self.scale[0]} (lowest) to {self.scale[1]} (highest)"
        return " or ".join(self.labels) or "true or false"

    def __str__(self) -> str:
        """Return a line of the rubric."""
        return f"- {self.name}, {self.how}{f': {self.says}' if self.says else ''}"

    def allows(self, value: Any) -> bool:
        """Say whether a value of a reference is one that a judgement may have."""
        if self.labels:
            return value in self.labels
        return isinstance(value, int | float) and isinstance(value, bool) is not bool(self.scale)


def criteria(rubric: Any) -> list[Criterion]:
    """Return what a text, or a dict of names, judges by; raises InputError for what is no rubric."""
    if isinstance(rubric, str) and rubric.strip():
        return [Criterion(ONE, rubric, scale=SCALE)]
    if not isinstance(rubric, Mapping) or not rubric:
        raise InputError("There is no rubric", hint=USABLE)
    return [_criterion(str(name), wanted) for name, wanted in rubric.items()]


def _criterion(name: str, wanted: Any, says: str = "") -> Criterion:
    """Return a criterion; raises InputError for what is none."""
    if isinstance(wanted, str):
        return Criterion(name, wanted, scale=SCALE)
    if wanted is bool:
        return Criterion(name, says)
    if isinstance(wanted, tuple) and len(wanted) == 2:
        low, high = wanted
        if isinstance(low, str) and not isinstance(high, str):
            return _criterion(name, high, low)
        if type(low) is int and type(high) is int and low < high:
            return Criterion(name, says, scale=wanted)
    if isinstance(wanted, Mapping):
        meanings = "; ".join(f"{label}: {means}" for label, means in wanted.items())
        return _criterion(name, list(wanted), "; ".join(filter(None, (says, meanings))))
    labels = list(wanted) if isinstance(wanted, list | tuple | set) else []
    if len(labels) > 1 and all(isinstance(label, str) for label in labels):
        return Criterion(name, says, sorted(labels) if isinstance(wanted, set) else labels)
    raise InputError(f"{name}: {wanted!r} is nothing to judge by", hint=USABLE)


def fields(rubric: Any, judged: Sequence[Criterion]) -> dict[str, Any]:
    """Return the type of each field of a judgement, the reasons before what follows from them."""
    alone = isinstance(rubric, str)
    return {
        name: kind
        for one in judged
        for name, kind in ((REASON if alone else f"{one.name}_{REASON}", WHY), (one.name, one.output))
    }


def words(rubric: Any, judged: Sequence[Criterion]) -> str:
    """Return a rubric as a model reads it."""
    if isinstance(rubric, str):
        return f"{rubric.strip()}\nThe score is {judged[0].how}."
    return "\n".join(map(str, judged))
