"""How many output tokens will an answer have, before there is one?

As many as the answers to the same prompt had, where the journal knows ten or more: the mean is expected, and
nine of ten have from `low` to `high`. Of three or more, those of a preview say, the least and the mean count,
and `max_tokens` is `high`. Else by `max_tokens`: a twentieth, a quarter, all of it. An answer of labels,
numbers and truth values has the length of its JSON, unless the model thinks before.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.protocol import catalog
from claude_magic.rows.outcome import PAID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.kept.journal import Journal

FEW, ENOUGH, RUNS = 3, 10, 5  # answers of earlier runs, and runs that are looked at
SHARES = (0.05, 0.25, 1.0)  # of `max_tokens`
SPREAD = 2  # times the length of the JSON that an answer may have, with white space
LONG = {"boolean": "false", "integer": "10000", "number": "1000.25", "null": "null"}


class Output(NamedTuple):
    """Output tokens of one answer, and by which rule."""

    low: float
    expected: float
    high: float
    by: str


def output(plan: Plan, body: Mapping[str, Any], journal: Journal, bucket: str) -> Output:
    """Return what is expected of an answer to a body of the plan."""
    model = catalog.find(plan.model)
    most = min(body["max_tokens"], (model and model.max_output_tokens) or body["max_tokens"])
    if len(earlier := [*_earlier(plan, journal, bucket)]) >= FEW:
        mean, by = statistics.fmean(earlier), f"by {len(earlier):,} answers of earlier runs"
        if len(earlier) < ENOUGH:
            return Output(min(earlier), mean, most, f"{by}, high by max_tokens")
        tenths = statistics.quantiles(earlier, n=20)
        return Output(min(tenths[0], mean), mean, min(max(tenths[-1], mean), most), by)
    if plan.shape and not _thinks(body) and (longest := _longest(plan.shape.schema)) is not None:
        tokens = catalog.estimate_tokens(longest, plan.model)
        usual, long = min(tokens, most), min(SPREAD * tokens, most)
        return Output(usual, usual, long, "by the labels and numbers asked for")
    low, expected, high = (share * most for share in SHARES)
    return Output(low, expected, high, "5%, 25% and 100% of max_tokens")


def _earlier(plan: Plan, journal: Journal, bucket: str) -> Iterator[int]:
    """Yield the output tokens of answers to the same prompt, model and output, of the newest runs."""
    form = wire.encode(plan.shape.schema).decode() if plan.shape else None
    same = (plan.template, plan.model, form, bucket)
    runs = [one for one in journal.runs() if (one.template, one.model, one.output, one.bucket) == same]
    for run in runs[-RUNS:]:
        for one in journal.outcomes(run.name, texts=False):
            if one.status in PAID and one.output_tokens is not None:
                yield one.output_tokens


def _thinks(body: Mapping[str, Any]) -> bool:
    """Say whether an answer may have thinking before it, which is output too."""
    model = catalog.find(str(body["model"]))
    own = (body.get("thinking") or {}).get("type")
    rule = own or ((model and model.thinking) or {}).get("omitted", "off")
    return rule not in ("off", "disabled", "between_tools")


def _longest(schema: Mapping[str, Any]) -> str | None:
    """Return the longest JSON that fits a schema of labels, numbers and truth values; None for any other."""
    if labels := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return max((wire.encode(label).decode() for label in labels), key=len)
    if options := schema.get("anyOf"):
        found = [_longest(one) for one in options]
        return None if None in found else max((one for one in found if one), key=len, default=None)
    if schema.get("type") == "object" and schema.get("properties"):
        parts = {name: _longest(one) for name, one in schema["properties"].items()}
        if None in parts.values():
            return None
        return "{" + ", ".join(f'"{name}": {one}' for name, one in parts.items()) + "}"
    return LONG.get(str(schema.get("type")))
