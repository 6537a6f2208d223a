"""How well do judgements agree with those of others?

Of labels: how often they are the same, and how much more often than by chance (Cohen's kappa). Of numbers
also how far they are apart. https://doi.org/10.1177/001316446002000104
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.rows.asked import inputs
from claude_magic.rows.judged.grade import PAIRS, SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from claude_magic.rows.asked.inputs import Rows

MISSING = "(none)"
MOST_SHOWN = 12  # labels whose counts are written into a plot
DTYPES = {
    "judged": "string",
    "reference": "string",
    "pairs": "Int64",
    "unpaired": "Int64",
    "accuracy": "Float64",
    "kappa": "Float64",
    "mean_error": "Float64",
    "mean_absolute_error": "Float64",
    "correlation": "Float64",
}


class Pair(NamedTuple):
    """Two columns that judge the same: their names, and for each row the two values, None where missing."""

    judged: str
    reference: str
    values: list[tuple[Any, Any]]

    @property
    def both(self) -> list[tuple[Any, Any]]:
        """The rows that have both."""
        return [pair for pair in self.values if None not in pair]

    @property
    def numbers(self) -> bool:
        """Whether both judge by numbers."""
        found = {type(value) for pair in self.both for value in pair}
        return bool(found) and found <= {int, float}


def agreement(data: Any, judged: str | None = None, reference: str | None = None) -> pd.DataFrame:
    """Return how well judgements agree with a reference, a row for each pair of columns.

    `accuracy` is the share of rows with the same value, `kappa` that beyond chance (1: all, 0: as by chance);
    of numbers also the mean of judged less reference, of its size, and Pearson's correlation. `unpaired` rows
    lack one of the two. A measure that the rows do not allow is missing. Without names the pairs are those of
    the `reference` of `grade`. Raises InputError where there are none.
    """
    import pandas as pd

    rows = [
        [one.judged, one.reference, len(one.both), len(one.values) - len(one.both), *_measures(one)]
        for one in _pairs(data, judged, reference)
    ]
    return pd.DataFrame(rows, columns=[*DTYPES]).astype(DTYPES)


def confusion(data: Any, judged: str | None = None, reference: str | None = None) -> pd.DataFrame:
    """Return how often each value of the reference (rows) was judged as each value (columns).

    "(none)" are rows that lack one of the two. Raises InputError where it is not clear which columns are
    meant.
    """
    import pandas as pd

    one = _one(data, judged, reference)
    labels = _labels(one)
    counts = Counter(one.values)
    shown = [*labels, *([None] if any(None in pair for pair in counts) else [])]
    names = [MISSING if label is None else label for label in shown]
    table = [[counts[(across, down)] for across in shown] for down in shown]
    index, columns = (pd.Index(names, name=name) for name in (one.reference, one.judged))
    return pd.DataFrame(table, index=index, columns=columns)


def plot_agreement(data: Any, judged: str | None = None, reference: str | None = None, ax: Any = None) -> Any:
    """Draw judgements against their reference, and return matplotlib's Axes.

    Labels are a table of counts, numbers points with the line on which both are equal. Raises InputError
    where matplotlib is not installed, or as `confusion` does.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise InputError("matplotlib is not installed", hint="Type %pip install matplotlib.") from None
    one = _one(data, judged, reference)
    ax = plt.subplots()[1] if ax is None else ax
    if one.numbers:
        _points(ax, one)
    else:
        _counts(ax, confusion(data, one.judged, one.reference))
    accuracy, kappa, *_ = _measures(one)
    told = [f"{word} {it:.2f}" for word, it in (("same", accuracy), ("kappa", kappa)) if it is not None]
    source = getattr(data, "attrs", {}).get(SOURCE)
    facts = [*told, f"{len(one.both):,} rows", *([source] if source else [])]
    ax.set(xlabel=one.judged, ylabel=one.reference, title=", ".join(facts))
    return ax


# ---- pairs -------------------------------------------------------------------------------------------------


def _pairs(data: Any, judged: str | None, reference: str | None) -> list[Pair]:
    rows = inputs.rows(data)
    known = [tuple(pair) for pair in getattr(data, "attrs", {}).get(PAIRS, {}).values()]
    if judged is not None and reference is None:
        reference = dict(known).get(judged)
    wanted = [(judged, reference)] if judged and reference else [] if judged else known
    named = [(ours, other) for ours, other in wanted if other is not None]
    if not named:
        hint = 'Name both columns: agreement(df, "grade_score", "human_score").'
        raise InputError("It is not known which columns are to be compared", hint=hint)
    return [_pair(rows, ours, other) for ours, other in named]


def _pair(rows: Rows, judged: str, reference: str) -> Pair:
    """Return two columns; raises InputError where no value of one can be one of the other."""
    sides = [[_plain(value) for value in rows.column(name)] for name in (judged, reference)]
    ours, theirs = ({_kind(value) for value in side if value is not None} for side in sides)
    if ours and theirs and ours.isdisjoint(theirs):
        said = f"{judged} holds {' or '.join(sorted(ours))}, and {reference} {' or '.join(sorted(theirs))}"
        hint = "Make them alike, for example with .map({True: 'yes', False: 'no'})."
        raise InputError(f"{said}, so that they never agree", hint=hint)
    return Pair(judged, reference, [*zip(*sides, strict=True)])


def _plain(value: Any) -> Any:
    """Return a value as it is compared: 5.0 is 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _kind(value: Any) -> str:
    named = "texts" if isinstance(value, str) else type(value).__name__
    return "numbers" if type(value) in (int, float) else named


def _one(data: Any, judged: str | None, reference: str | None) -> Pair:
    found = _pairs(data, judged, reference)
    if len(found) > 1:
        names = ", ".join(one.judged for one in found)
        raise InputError(f"There are several judgements: {names}", hint=f'Name one: "{found[0].judged}".')
    return found[0]


def _labels(one: Pair) -> list[Any]:
    """Return all values of both, in order; labels of different types by their texts."""
    found = {value for pair in one.values for value in pair if value is not None}
    try:
        return sorted(found)
    except TypeError:
        return sorted(found, key=str)


# ---- measures ----------------------------------------------------------------------------------------------


def _measures(one: Pair) -> list[float | None]:
    """Return accuracy, kappa, mean error, mean absolute error and correlation, None for what there is not."""
    pairs = one.both
    if not pairs:
        return [None] * 5
    accuracy = sum(a == b for a, b in pairs) / len(pairs)
    if not one.numbers:
        return [accuracy, _kappa(pairs, accuracy), None, None, None]
    errors = [a - b for a, b in pairs]
    sizes = math.fsum(map(abs, errors)) / len(errors)
    return [accuracy, _kappa(pairs, accuracy), math.fsum(errors) / len(errors), sizes, _correlation(pairs)]


def _kappa(pairs: Sequence[tuple[Any, Any]], accuracy: float) -> float | None:
    ours, theirs = (Counter(side) for side in zip(*pairs, strict=True))
    chance = sum(ours[label] * theirs[label] for label in ours) / len(pairs) ** 2
    return None if chance == 1 else (accuracy - chance) / (1 - chance)


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    ours, theirs = zip(*pairs, strict=True)
    try:
        return statistics.correlation(ours, theirs)
    except statistics.StatisticsError:  # one pair, or always the same
        return None


# ---- drawings ----------------------------------------------------------------------------------------------


def _points(ax: Any, one: Pair) -> None:
    """Draw each pair of numbers, the larger the more rows have it."""
    counts = Counter(one.both)
    ours, theirs = zip(*counts, strict=True)
    low, high = min(*ours, *theirs), max(*ours, *theirs)
    ax.plot([low, high], [low, high], color="0.7", linewidth=1, zorder=0)
    ax.scatter(ours, theirs, s=[20 + 300 * count / len(one.both) for count in counts.values()], alpha=0.6)


def _counts(ax: Any, table: pd.DataFrame) -> None:
    ax.imshow(table.to_numpy(), cmap="Blues")
    for axis, labels in ((ax.xaxis, table.columns), (ax.yaxis, table.index)):
        axis.set_ticks(range(len(labels)), [str(label) for label in labels])
    if len(table) <= MOST_SHOWN:
        most = table.to_numpy().max(initial=0)
        for down, counts in enumerate(table.to_numpy().tolist()):
            for across, count in enumerate(counts):
                color = "w" if count > most / 2 else "k"
                ax.text(across, down, f"{count:,}", ha="center", va="center", color=color)
