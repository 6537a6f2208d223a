"""Which columns do outcomes make?

What was asked for comes first, the text or a column for each field of the output, typed even where every row
failed; then the status and the error. Details are all that is known of a row. A field that is named like one
of our columns keeps its name; ours is then `row_status`, after the prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.rows.columns import cells, reading
from claude_magic.rows.outcome import Outcome
from claude_magic.schema import Shape
from claude_magic.schema.columns import columns as dtypes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from claude_magic.rows.asked.plan import Plan

STATUSES = ("ok", "truncated", "refused", "invalid", "error", "expired", "canceled", "missing", "not_sent")
"""The categories of `status`, those of answers that were paid for first."""
FACTS = {
    # a column after those of the answer -> its dtype; without details only `SHORT` of them
    "text": "string",
    "status": "category",
    "error_type": "string",
    "error": "string",
    "stop_reason": "string",
    "model": "string",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "cache_read_tokens": "Int64",
    "cache_write_5m_tokens": "Int64",
    "cache_write_1h_tokens": "Int64",
    "cost_usd": "Float64",
    "service_tier": "string",
    "cached": "boolean",
    "attempts": "Int64",
    "latency_s": "Float64",
    "request_id": "string",
    "key": "string",
    "source": "string",
}
SHORT = ("status", "error")
UNASKED = "No request could be made of this row"
TEXT = "text"
NULLABLE = {"float64": "Float64"}


class Column(NamedTuple):
    """A column to put beside the input: its name, the pandas dtype it is to have, and a value for each row.

    `dtype` is the name of a nullable dtype ("string", "Int64", "Float64", "boolean", "object", a datetime64
    or timedelta64) or a CategoricalDtype. Values are Python's own, None where there is none. `schema` is the
    JSON schema of what was asked for, which says more of lists and objects than pandas can.
    """

    name: str
    dtype: Any
    values: Sequence[Any]
    schema: Mapping[str, Any] | None = None


def fields(shape: Shape | None) -> dict[str, Any]:
    """Return the dtype of each column of an answer: its fields, `value` where it is no object, or `text`."""
    if shape is None:
        return {TEXT: FACTS[TEXT]}
    found = dtypes(shape._replace(bare=False))  # a list, too, is one value of its row
    return {name: NULLABLE.get(str(dtype), dtype) for name, dtype in found.items()}


def names(shape: Shape | None, *, prefix: str = "claude_", details: bool = False) -> list[str]:
    """Return the names of the columns that `table` makes, in their order."""
    own = fields(shape)
    return [prefix + name for name in (*own, *_facts(own, shape, details=details).values())]


def table(
    wanted: Plan | Shape | None,
    outcomes: Sequence[Outcome | None],
    *,
    prefix: str = "claude_",
    details: bool = False,
    cached: Collection[int] = (),
    keys: Sequence[str] = (),
    texts: Sequence[str | None] | None = None,
) -> list[Column]:
    """Return the columns of outcomes, one for each row; None is a row without, "missing" in its status.

    Rows that a plan could not ask have its reason. `cached` are the rows answered by the journal; a row that
    shares the answer of one above is cached too, so that the costs of all others are what was paid. `keys`
    are those of the rows where there is no plan, `texts` the answers of outcomes that have no message.
    """
    shape = wanted if isinstance(wanted, Shape | None) else wanted.shape
    unfit, keys = getattr(wanted, "unfit", {}), getattr(wanted, "keys", keys)
    known = [
        without("", "error", *unfit[n]) if n in unfit else one or (nothing(keys[n]) if keys else without(""))
        for n, one in enumerate(outcomes)
    ]
    facts = _turned(known)
    facts[TEXT] = _texts(facts["message"], texts)
    return made(shape, facts, prefix=prefix, details=details, cached=cached)


def made(
    shape: Shape | None,
    facts: dict[str, list[Any]],
    *,
    prefix: str,
    details: bool,
    cached: Collection[int] = (),
) -> list[Column]:
    """Return the columns of what is known of rows, column by column: their outcomes' fields and `text`."""
    own = fields(shape)
    pairs = zip(facts[TEXT], facts["status"], strict=True)
    facts[TEXT] = [text if text or status == "ok" else None for text, status in pairs]
    answers = [facts[TEXT]] if shape is None else _answers(shape, own, facts)
    if details:
        facts["cached"] = _shared(facts["key"], set(cached))
        facts["cost_usd"] = [None if usd is None else float(usd) for usd in facts["cost_usd"]]
        facts |= {name: [value or None for value in facts[name]] for name in ("key", "source")}
    asked = shape.schema["properties"] if shape else {}
    columns = [
        Column(prefix + name, own[name], values, asked.get(name))
        for name, values in zip(own, answers, strict=True)
    ]
    for name, shown in _facts(own, shape, details=details).items():
        dtype = _category() if name == "status" else FACTS[name]
        columns.append(Column(prefix + shown, dtype, cells.typed(facts[name], dtype)[0]))
    return columns


def without(key: str, status: str = "missing", kind: str | None = None, why: str | None = None) -> Outcome:
    """Return what stands for the outcome of a row that nothing was sent for, or nothing came of."""
    return Outcome(key, status, error_type=kind, error=why, attempts=0, source="")


def nothing(key: str) -> Outcome:
    """Return what stands for the outcome of a row that has none; without a key it could not be asked."""
    return without(key) if key else without("", "error", None, UNASKED)


def _turned(outcomes: Sequence[Outcome]) -> dict[str, list[Any]]:
    columns = map(list, zip(*outcomes, strict=True)) if outcomes else [[] for _ in Outcome._fields]
    return dict(zip(Outcome._fields, columns, strict=True))


def _facts(own: Collection[str], shape: Shape | None, *, details: bool) -> dict[str, str]:
    """Return the columns of facts by name, each with the name that it is shown by."""
    asked = [name for name in (FACTS if details else SHORT) if name != TEXT or shape is not None]
    return {name: f"row_{name}" if name in own else name for name in asked}


def _texts(messages: Sequence[bytes | None], texts: Sequence[str | None] | None) -> list[str | None]:
    """Return what the rows' answers say; rows that share a message share its text."""
    said: dict[bytes | None, str] = {m: reading.spoken(m) for m in {*messages} if m is not None}
    if not said and texts is not None:
        return list(texts)
    return [
        said.get(message) if known is None else known
        for message, known in zip(messages, texts or [None] * len(messages), strict=True)
    ]


def _answers(shape: Shape, own: dict[str, Any], facts: dict[str, list[Any]]) -> list[list[Any]]:
    """Return the values of an answer's fields by column; an answer that they cannot be is then invalid."""
    rows: list[dict[str, Any]] = []
    for n, (text, status) in enumerate(zip(facts[TEXT], facts["status"], strict=True)):
        try:
            rows.append(reading.fields(shape, text) if text is not None and status == "ok" else {})
        except ValueError as error:
            rows.append({})
            _invalid(facts, n, reading.unfit(shape, error))
    columns, unfit = list[list[Any]](), dict[int, str]()
    for name, dtype in own.items():
        values, bad = cells.typed([row.get(name) for row in rows], dtype)
        columns.append(values)
        unfit |= dict.fromkeys(bad, name)
    for n, name in unfit.items():
        _invalid(facts, n, f"The answer is no {shape.name}: {name} is of another type")
        for values in columns:
            values[n] = None
    return columns


def _invalid(facts: dict[str, list[Any]], n: int, why: str) -> None:
    for name, value in (("status", "invalid"), ("error_type", "invalid_answer"), ("error", why)):
        facts[name][n] = value


def _shared(keys: Sequence[str], cached: Collection[int]) -> list[bool]:
    """Say of each row whether its answer was there already, or is that of a row above."""
    seen, made = set[str](), list[bool]()
    for n, key in enumerate(keys):
        made.append(n in cached or (key in seen and key != ""))
        seen.add(key)
    return made


def _category() -> Any:
    import pandas as pd

    return pd.CategoricalDtype([*STATUSES])
