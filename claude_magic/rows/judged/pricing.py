"""What do measured requests and foreseen answers come to, for a model, live and in a batch?"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import limits
from claude_magic.protocol import catalog
from claude_magic.rows.columns.rates import Rates
from claude_magic.rows.judged.lengths import Group
from claude_magic.talk.counting import ESTIMATE, SCALED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_magic.rows.judged.lengths import Input
    from claude_magic.rows.judged.outputs import Output
    from claude_magic.rows.pace.gate import Gate

LINES = ("haiku", "sonnet", "opus")
SAMPLE = {"input_tokens": 1000, "output_tokens": 1000}


class Line(NamedTuple):
    """What all of it takes for one model, live or in a batch; USD are None where a price is not known.

    `minutes` is how long it takes at the limits that answers told of; None where none did, and in a batch.
    """

    model: str
    mode: str
    requests: int
    input_tokens: int
    output_tokens: int
    low_usd: Decimal | None
    expected_usd: Decimal | None
    high_usd: Decimal | None
    minutes: float | None
    counted: str


def priced(
    body: Mapping[str, Any], counts: Input, answers: Output, gate: Gate | None = None, *, whole: Input
) -> Iterator[Line]:
    """Yield what the model of a body takes, then the newest of each line; `body` is one of the requests'.

    `counts` are of the requests that this model is still to answer, `whole` of all, as others would be asked.
    """
    asked, *others = _models(str(body["model"]))
    yield from _lines(asked, body, counts, answers, gate)
    for name in others:
        yield from _lines(name, body, whole, answers, gate)


def _models(asked: str) -> list[str]:
    known = catalog.find(asked)
    newest = [found.id for line in LINES if (found := catalog.find(line))]
    return [asked, *(name for name in newest if name not in (asked, known and known.id))]


def _lines(
    name: str, body: Mapping[str, Any], counts: Input, answers: Output, gate: Gate | None
) -> Iterator[Line]:
    asked, found = str(body["model"]), catalog.find(name)
    scaled = counts if name == asked else _scaled(counts, _tokens(name) / _tokens(asked))
    requests = sum(group.requests for group in scaled.groups)
    output = round(answers.expected * requests)
    time = _minutes(gate, requests, scaled.tokens, output) if gate and name == asked else None
    for mode in ("live", "batch") if found is None or found.batch else ("live",):
        cost = _Costs(name, body, scaled, batch=mode == "batch")
        usd = (cost.of(answers.low), cost.of(answers.expected), cost.of(answers.high, cached=False))
        yield Line(
            name, mode, requests, scaled.tokens, output, *usd, time if mode == "live" else None, scaled.words
        )


def _scaled(counts: Input, times: float) -> Input:
    """Return the input as another model counts it; pictures may take more or fewer tokens there."""
    groups = [Group(one.requests, round(one.tokens * times)) for one in counts.groups]
    by = counts.by if counts.by == ESTIMATE else SCALED
    return counts._replace(groups=groups, shared=round(counts.shared * times), by=by)


def _tokens(model: str) -> int:
    return catalog.estimate_tokens("x" * 10_000, model)


class _Costs:
    """What requests to a model cost by the length of their answers."""

    def __init__(self, name: str, body: Mapping[str, Any], counts: Input, *, batch: bool) -> None:
        self._name, self._counts, self._batch, self._rates = name, counts, batch, Rates()
        self._times, self._kept = _times(name, body, batch=batch), limits.cached_for(body)
        found = catalog.find(name)
        enough = counts.shared >= ((found and found.min_cache_tokens) or 0)
        self._shared = counts.shared if self._kept and enough else 0

    def of(self, output: float, *, cached: bool = True) -> Decimal | None:
        """Return USD, None where a price is not known.

        What all requests share is read from the cache where it is kept and `cached`, else written to it.
        """
        total = Decimal(0)
        with localcontext(catalog.EXACT):
            for requests, tokens in self._counts.groups:
                part = min(self._shared * requests, tokens)
                places = (0, 0, part) if cached else (0, part, 0) if self._kept == "1h" else (part, 0, 0)
                kinds = (tokens - part, round(output * requests), *places)
                usd = self._rates.cost(self._name, kinds, batch=self._batch, size=tokens // requests)
                if usd is None or self._times is None:
                    return None
                total += usd * self._times
        return total


def _times(name: str, body: Mapping[str, Any], *, batch: bool) -> Decimal | None:
    """Return by how much fast mode and a region make tokens dearer, None where that is not known."""
    told = {one: body[one] for one in ("speed", "inference_geo") if body.get(one)}
    if not told:
        return Decimal(1)
    dear, plain = (catalog.cost({**SAMPLE, **more}, name, batch=batch) for more in (told, {}))
    return dear / plain if dear is not None and plain else None


def _minutes(gate: Gate, requests: int, tokens: int, output: int) -> float | None:
    """Return how long it takes at the limits a minute that answers have told of."""
    amounts = zip((requests, tokens, output), gate.buckets, strict=True)
    return max((amount / bucket.limit for amount, bucket in amounts if bucket.limit), default=None)
