"""What does a cell do that goes over the rows of a frame?

`%%claude map FRAME` and `%%claude batch FRAME` are `claude_magic.map` and `.batch` with flags for keywords.
The braces of such a cell are columns, not variables of the notebook.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from claude_magic.cells import asking, meaning
from claude_magic.errors import InputError
from claude_magic.looks import views
from claude_magic.looks.readout import dollars
from claude_magic.prompts import references
from claude_magic.rows import mapping
from claude_magic.rows.batch import batches as jobs
from claude_magic.rows.batch import job
from claude_magic.rows.kept import runs as kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from claude_magic.grammar.cell import CommandCall, OverRows

KEYWORDS = ("model", "max_tokens", "effort", "think", "system", "cache", "params", "max_cost")
"""The fields of `Ask` that are keywords of `map` too."""


def run(shell: Any, asked: OverRows) -> Any:
    """Do what a cell asks of each row, and return what it shows: a frame unless it has a name, or a job."""
    names = asking.visible(shell)
    frame = _frame(asked.frame, names)
    try:
        made = _done(asked, frame, {**_given(asked, names), **asked.own})
    except InputError as error:
        named = re.match(r"\{([^\W\d]\w*)[^}]*\}: there is no column", error.message)
        if named and named[1] in names:
            also = f"{asked.frame}.assign({named[1]}={named[1]})"
            error.hint = f"{named[1]} is a variable, and braces are columns here. Make it one: {also}"
        raise
    if not asked.ask.out:
        return made
    shell.user_ns[asked.ask.out] = made
    to_see = asked.ask.dry_run or "preview" in asked.own or asked.verb == "batch"
    return made if to_see and not asked.ask.quiet else None


def _done(asked: OverRows, frame: Any, given: dict[str, Any]) -> Any:
    prompt, shown, count = asked.ask.prompt, not asked.ask.quiet, given.pop("preview", None)
    if asked.ask.dry_run:
        return mapping.estimate(frame, prompt, **given)
    if count:
        return mapping.preview(frame, prompt, count, progress=shown, **given)
    if asked.verb == "batch":
        return job.batch(frame, prompt, **given)
    return mapping.map(frame, prompt, progress=shown, **given)


def _frame(word: str, names: Mapping[str, Any]) -> Any:
    """Return the frame that a word names; raises InputError, also for what has no rows."""
    found = references.lookup(f"{{{word}}}", names)
    if isinstance(found, str) and found == f"{{{word}}}":
        raise InputError(f"{word} is no name of a frame", hint="Give the frame a name in a cell first.")
    return found


def _given(asked: OverRows, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cell says as keywords of `map`; types are what they mean in the notebook."""
    ask = asked.ask
    given = {name: value for name in KEYWORDS if (value := getattr(ask, name)) not in (None, [], {})}
    if ask.returns and ask.choices:
        raise InputError("--schema and --choices both say what an answer is", hint="Keep one of them.")
    if ask.returns:
        given["output"] = meaning.meant({"returns": ask.returns}, names)["returns"]
    if ask.choices:
        given["output"] = Literal[tuple(ask.choices)]
    return given


def runs(call: CommandCall) -> Any:
    """Return the runs that this machine knows, or one of them."""
    return kept.run(call.args[0]) if call.args else _to_read(kept.runs())


def batches(call: CommandCall) -> Any:
    """Return the batch jobs that this machine knows, or one of them."""
    return job.attach(call.args[0]) if call.args else _to_read(jobs.batches())


def _to_read(found: pd.DataFrame) -> pd.DataFrame:
    """Return the same frame, which a cell shows with times to the second and what says something."""
    return views.shown(found, lambda part: [*_columns(part)])


def _columns(found: pd.DataFrame) -> Iterator[views.Column]:
    yield views.column("name", found.index.to_series())
    for name, values in found.items():
        if name == "cost_usd":
            costs = [
                None if gone else Decimal(str(usd)) for usd, gone in zip(values, values.isna(), strict=True)
            ]
            yield views.Column("cost", [*map(dollars, costs)], right=True)
        elif name == "ids":
            yield views.Column("ids", [", ".join(ids) for ids in values])
        elif not len(found) or views.says(values):
            if values.dtype.kind == "M":
                times = values.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")
                yield views.Column(f"{name} (UTC)", times.tolist())
            else:
                yield views.column(str(name), values)
