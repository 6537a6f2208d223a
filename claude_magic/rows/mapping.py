"""How does a prompt go over the rows of a frame, from the call to the columns?

`map` and what is built on it. What was answered is not asked again, by whichever call; what is under way is
in the journal, so that the same call goes on where it was broken off.
"""

from __future__ import annotations

import functools
import inspect
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from claude_magic import settings, wire
from claude_magic.errors import InputError
from claude_magic.grammar.keywords import KeywordError, checked, unknown
from claude_magic.looks import views
from claude_magic.looks.readout import dollars
from claude_magic.rows.asked import inputs, presets
from claude_magic.rows.asked.plan import plan
from claude_magic.rows.columns import table
from claude_magic.rows.columns.table import Column
from claude_magic.rows.going import Going, gate_of
from claude_magic.rows.kept import journal as journals
from claude_magic.rows.kept.runs import RunView
from claude_magic.rows.outcome import PAID
from claude_magic.rows.pace.engine import Control
from claude_magic.talk import fitting
from claude_magic.talk.fitting import Kind, is_count, is_switch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from claude_magic.api.client import Client
    from claude_magic.grammar.keywords import Choices
    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.asked.prompts import Prompt
    from claude_magic.rows.batch.batchjob import BatchJob
    from claude_magic.rows.kept.journal import Journal, Run
    from claude_magic.rows.tally import Tally

# fmt: off
PLANNED = (
    "output", "choices", "system", "model", "max_tokens", "examples", "images", "params", "effort", "think",
    "cache", "prefix", "dedupe", "sample", "na", "details",
)
"""Keywords of `map` that say what is asked; the others say how."""
# fmt: on
RUN = "claude_magic_run"
"""Under this name the attrs of a frame say which run made it."""
MODES = ("live", "batch")
ON_ERROR = ("column", "raise")
KINDS = {
    "concurrency": Kind(lambda n: n is None or is_count(n), "a whole number above 0", "concurrency=4"),
    **{name: Kind(is_count, "a whole number above 0", f"{name}=4") for name in ("max_attempts", "n")},
    "max_cost": Kind(lambda usd: usd is None or _is_usd(usd), "an amount in USD, 0 or more", "max_cost=0.5"),
    "resume": Kind(is_switch, "True or False", "resume=False"),
    "progress": Kind(
        lambda show: isinstance(show, bool | None) or callable(show),
        "True, False or a function that takes a Tally",
        "progress=False",
    ),
    "control": Kind(lambda one: isinstance(one, Control | None), "a Control", "control=Control()"),
    "client": fitting.KINDS["client"],
}
MOST_CALLS = 64
_calls: dict[str, tuple[Prompt, dict[str, Any]]] = {}
"""What this process asked last, by the name of the run: functions and types are nowhere else."""


@checked
def map(
    data: Any,
    prompt: Prompt,
    *,
    output: Any = None,
    choices: Choices = None,
    system: str | None = None,
    model: str | None = None,
    max_tokens: int | None = 1024,
    examples: Any = None,
    images: Any = None,
    params: Mapping[str, Any] | None = None,
    effort: str | None = None,
    think: bool | None = None,
    cache: str | None = None,
    prefix: str = "claude_",
    na: str | None = None,
    name: str | None = None,
    mode: str = "live",
    resume: bool = True,
    dedupe: bool = True,
    sample: float | None = None,
    concurrency: int | None = None,
    max_attempts: int = 6,
    max_cost: Decimal | float | str | None = None,
    on_error: str = "column",
    store: str | Path | bool | None = None,
    progress: bool | Callable[[Tally], object] = True,
    dtype_backend: str | None = None,
    details: bool = False,
    client: Client | None = None,
    control: Control | None = None,
    engine: Any = None,
) -> Any:
    """Ask the prompt of each row, and return the frame with the answers as columns, in its own kind.

    `prompt` is a template such as "Sum up {review}", a function of a row, the name of a column of prompts,
    or a list of them. `output` is the type of an answer, a dict of names to types, or a JSON schema: a column
    for each field; `choices` are labels. `examples` are pairs of input and output, `images` a column of
    pictures. `na` stands for missing values; rows that have any are else not asked. New columns begin with
    `prefix`; `name` is what `run(name)` finds the run by.

    `claude_status` is "ok", "truncated", "refused", "invalid", "error", "expired", "canceled", "missing" or
    "not_sent", `claude_error` says why; `details` adds tokens, cost (USD), times (s) and ids. The cost of
    `cached` rows was paid before, or by a row above: leave them out of sums. What was answered before is not
    asked again (`resume`), what is equal once (`dedupe`). `sample` takes some rows. `max_cost` (USD) stops
    with rows "not_sent"; `on_error="raise"` raises where a row failed, with the frame as `.answer`.
    `mode="batch"` returns a BatchJob, at half the price. `engine` is a dask.distributed.Client.
    `store` is the file for answers, False keeps keys, usage and cost alone; `progress` may be a function that
    is told how far it is, five times a second at most. Raises InputError before anything is sent; Stopped:
    the same call then goes on.
    """
    given = {name: value for name, value in locals().items() if name not in ("data", "prompt")}
    _one_of("mode", mode, MODES)
    _one_of("on_error", on_error, ON_ERROR)
    fitting.check(given, KINDS)
    if engine is not None or _is_dask(data):
        return _far(data, prompt, given)
    if mode == "batch":
        return _in_batches(data, prompt, given)
    return _carried(plan(data, prompt, **_said(given)), prompt, given, _reuse(given))


def preview(data: Any, prompt: Prompt, n: int = 5, **given: Any) -> Any:
    """Ask `n` of the rows and return their prompts, answers and costs; a line says what all would cost.

    What is paid for here `map` does not pay for again. `given` is as for `map`. Raises as `map` does.
    """
    how = _how(preview, given)
    fitting.check({"n": n}, KINDS)
    made = plan(data, prompt, **_said(how))
    made.rows.check_dtypes(how["dtype_backend"])
    first = list(made.first.values())
    few = min(n, len(first))
    some = sorted(first[i * len(first) // few] for i in range(few))
    going = Going(made, journals.shared(how["store"]), how, reuse=_reuse(how), rows=some)
    going.go(lambda: _projected(going, len(first)))
    costs = [f"{made.prefix}{name}" for name in ("input_tokens", "output_tokens", "cost_usd")]
    short = {*table.names(made.shape, prefix=made.prefix), *costs}
    columns = [Column(f"{made.prefix}prompt", "string", [made.prompt(row) for row in some])]
    columns += [
        one._replace(values=[one.values[row] for row in some])
        for one in going.columns(details=True)
        if one.name in short
    ]
    frame = _tied(going, made.rows.take(some).with_columns(columns, dtype_backend=how["dtype_backend"]))
    if not hasattr(frame, "iloc"):
        return frame
    return _read(frame, [one.name for one in columns], made.prefix, "" if some else made.unasked)


def _read(frame: pd.DataFrame, names: list[str], prefix: str, why: str) -> pd.DataFrame:
    """Return those columns of a frame, which a cell shows with more of each text than pandas does.

    `why` is shown where there is no row.
    """

    def column(name: str, values: pd.Series[Any]) -> views.Column:
        head = name.removeprefix(prefix)
        if head != "cost_usd":
            return views.column(head, values)
        return views.money(head, values.astype(object).where(values.notna(), None))

    def columns(shown: pd.DataFrame) -> list[views.Column]:
        if why:
            return [views.Column("", [why])]
        index = views.column(str(shown.index.name or ""), shown.index.to_series())
        return [index, *(column(name, shown[name]) for name in names if shown[name].notna().any())]

    return views.shown(frame[names], columns)


def _projected(going: Going, requests: int) -> str:
    paid = [one for one in going.outcomes.values() if one.status in PAID]
    known = [one.cost_usd for one in paid if one.cost_usd is not None]
    whole = sum(known, Decimal(0)) * requests / len(known) if known and len(known) == len(paid) else None
    return f"all {len(going.plan):,} rows: about {dollars(whole)}" if paid else ""


def estimate(data: Any, prompt: Any = None, *more: Any, **given: Any) -> pd.DataFrame:
    """Return what a map would take and cost, by model, without asking; or what a notebook's questions would.

    With a frame and a prompt `given` is as for `map`, and there are rows for each model, live and in a batch:
    low, expected and high cost in USD, and minutes at the limits seen. With the path of a notebook there is
    a row for each question. Raises InputError.
    """
    if isinstance(data, str | os.PathLike):
        from claude_magic.money import estimating

        return estimating.estimate(data, *([] if prompt is None else [prompt]), *more, **given)
    if prompt is None:
        raise InputError("There is no prompt", hint='Type estimate(df, "Sum up {text}"), or give a notebook.')
    from claude_magic.rows.judged import guess

    how = _how(estimate, given)
    made = plan(data, prompt, **_said(how))
    seen = gate_of(how["client"], made.model)
    return guess.estimate(made, how["client"], journal=journals.shared(how["store"]), gate=seen)


def retry(what: Any, data: Any = None, *, store: str | Path | bool | None = None) -> Any:
    """Ask again for the rows that have no answer, or none that is whole and of the type asked for.

    `what` is a frame that `map` returned, or a run or its name, with the same `data` as before; `store` is as
    it was given to `map`. Return the whole frame, as `map` does. Raises InputError where it is not known what
    was asked.
    """
    journal = journals.shared(store)
    if isinstance(what, RunView):
        what, journal = what.name, what.journal
    if isinstance(what, str):
        if data is None:
            raise InputError(f"The rows of {what} are not kept", hint=f'Give them: retry("{what}", df)')
        return again(journal.run(what), data, journal)
    name = getattr(what, "attrs", {}).get(RUN)
    if name is None:
        raise InputError(
            "It is not known which run made this frame", hint='Name it: retry("name", df). runs() lists them.'
        )
    return again(journal.run(name), what, journal)


def again(run: Run, data: Any, journal: Journal) -> Any:
    """Ask again for the rows of a run that are not "ok"; raises InputError where these are not its rows."""
    known = {"model": run.model, "prefix": run.prefix, "output": _output(run)}
    prompt, how = _calls.get(run.name) or (run.template, known)
    if prompt is None:
        raise InputError(f"What {run.name} asked was not kept", hint="Run the same map again.")
    how = {**_defaults(), **how, "name": run.name, "store": journal.path if journal.keeps else False}
    sample = None if len(inputs.rows(data)) == run.rows else how["sample"]  # else it is the sample already
    made = plan(data, prompt, **{**_said(how), "sample": sample})
    if list(made.keys) != journal.keys(run.name):
        raise InputError(
            f"These rows and what is known of {run.name} do not make the requests that it made",
            hint="Run the same map again, with the same keywords: it asks for the rows that have no answer.",
        )
    return _carried(made, prompt, how, {"ok"})


def classify(data: Any, column: str, labels: Any, **given: Any) -> Any:
    """Return the frame with one of the `labels` for each text of a column; `given` is as for `map`."""
    return _preset(classify, data, column, presets.classify(column, labels), given)


def extract(data: Any, column: str, fields: Any, **given: Any) -> Any:
    """Return the frame with a column for each of the `fields` (names to types) found in the texts of one."""
    return _preset(extract, data, column, presets.extract(column, fields), given)


def score(
    data: Any,
    column: str,
    rubric: str | Mapping[str, str],
    *,
    scale: tuple[int, int] = presets.SCALE,
    **given: Any,
) -> Any:
    """Return the frame with a score, from low to high, and the reason for it, for each text of a column.

    A `rubric` that is a dict of names to descriptions gives a score for each. `given` is as for `map`.
    """
    return _preset(score, data, column, presets.score(column, rubric, scale=scale), given)


def _preset(
    of: Callable[..., Any], data: Any, column: str, asked: tuple[Any, Any], given: dict[str, Any]
) -> Any:
    _how(of, given, "mode", "engine")
    prompt, output = asked
    if not _is_dask(data):
        data = inputs.rows(data)
        data.column(inputs.name_of(column))  # raises where there is none
    return map(data, prompt, **{"output": output, **given})


# ---- what the verbs share ----------------------------------------------------------------------------------


def _in_batches(data: Any, prompt: Prompt, given: Mapping[str, Any]) -> BatchJob:
    """Return a batch job; raises InputError for a keyword that says how to ask live."""
    from claude_magic.rows.batch import job

    own = {*given} - job.KEYWORDS - {"mode", "engine"}
    if live := [word for word in sorted(own) if given[word] not in (_defaults()[word], False)]:
        raise KeywordError(f'map(mode="batch") takes no {live[0]}=', hint="Leave it out, or ask live.")
    return job.batch(data, prompt, **{word: given[word] for word in job.KEYWORDS})


def _carried(made: Plan, prompt: Prompt, how: dict[str, Any], reuse: Collection[str]) -> Any:
    """Carry a plan out, and return the frame."""
    made.rows.check_dtypes(how["dtype_backend"])
    kind = Going if how["engine"] is None else _cluster().Far
    going = kind(made, journals.shared(how["store"]), how, reuse=reuse)
    _calls[going.run.name] = (prompt, how)
    if len(_calls) > MOST_CALLS:
        del _calls[next(iter(_calls))]
    going.go()
    columns = going.columns(details=how["details"])
    frame = _tied(going, made.rows.with_columns(columns, dtype_backend=how["dtype_backend"]))
    if how["on_error"] == "raise" and (error := going.failure()):
        error.answer = frame
        raise error
    return frame


def _far(data: Any, prompt: Prompt, how: dict[str, Any]) -> Any:
    """Carry a map out on a Dask cluster; raises InputError where there is none."""
    cluster = _cluster()
    cluster.check(how, data)
    if _is_dask(data):
        from claude_magic.rows.cluster import partitions

        return partitions.mapped(data, prompt, how, _said(how), _reuse(how))
    return _carried(plan(data, prompt, **_said(how)), prompt, how, _reuse(how))


def _is_dask(data: Any) -> bool:
    return type(data).__module__.startswith("dask.")


def _cluster() -> Any:
    try:
        from claude_magic.rows.cluster import workers as cluster
    except ImportError:
        hint = "Type %pip install 'claude-magic[dask]', and start a cluster."
        raise InputError("A map on a cluster needs dask.distributed", hint=hint) from None
    return cluster


def _tied(going: Going, frame: Any) -> Any:
    """Have a frame know, where it can, which run made it."""
    if isinstance(attrs := getattr(frame, "attrs", None), dict):
        attrs[RUN] = going.run.name
    return frame


def _said(how: Mapping[str, Any]) -> dict[str, Any]:
    return {name: how[name] for name in PLANNED}


def _reuse(how: Mapping[str, Any]) -> Collection[str]:
    return PAID if how["resume"] else ()


def _how(of: Callable[..., Any], given: Mapping[str, Any], *more: str) -> dict[str, Any]:
    """Return all keywords of `map`; raises TypeError, which names the nearest, for one that it has not."""
    names = [name for name in _defaults() if name not in ("mode", "engine") or name in more]
    if wrong := unknown(of.__name__, given, names):
        raise wrong
    fitting.check(given, KINDS)
    return {**_defaults(), **given}


@functools.cache
def _defaults() -> dict[str, Any]:
    parameters = inspect.signature(map).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        said = " or ".join(f'{name}="{one}"' for one in known)
        raise InputError(f"{name}={value!r} is not known", hint=f"Give {said}.")


def _is_usd(value: Any) -> bool:
    try:
        return settings.KINDS["usd"][0](value) is not None
    except (TypeError, ValueError, ArithmeticError):
        return False


def _output(run: Run) -> Any:
    return wire.decode_plain(run.output.encode()) if run.output else None
