"""How does a DataFrame become a text that a model can read?

Its size, its columns with dtype, missing values and a summary, and its first rows as CSV. Nothing is left out
without a note that says so. pandas is not imported: whoever holds a frame has it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from claude_magic.private import secret_name

MOST = 4_000  # characters of a frame in a prompt, unless more is asked for
MOST_ASKED = 400_000  # characters of {df:csv} and {df:head 5000}
MOST_COLUMNS = 40  # in a prompt, unless more is asked for
MOST_IN_A_CELL = 200
MOST_TO_COUNT = 1_000_000  # rows up to which distinct values are counted
SPECS = ("head", "tail", "csv", "schema")
_ROWS = re.compile(r"(head|tail)(?: (\d{1,9}))?")


class FrameText(NamedTuple):
    """A frame as text; `partly` has, in a few words each, what of the part asked for is not in it."""

    text: str
    partly: tuple[str, ...] = ()


def frame_text(df: Any, spec: str = "") -> FrameText | None:
    """Return a DataFrame as text; `spec` is "", "head 20", "tail 5", "csv" or "schema", else it is None."""
    asked = _ROWS.fullmatch(spec)
    kept, notes, partly = _columns_kept(df, len(df.columns) if asked or spec == "csv" else MOST_COLUMNS)
    size = f"{len(df):,} rows × {len(df.columns):,} columns"
    if not spec:
        return FrameText(_fitted(kept, size, notes), partly)
    if spec == "schema":
        return FrameText("\n".join([size, *notes, *_schema(kept)]), partly)
    if spec != "csv" and not asked:
        return None
    part = kept
    if asked:
        rows = int(asked[2] or 5)
        part = kept.iloc[:rows] if asked[1] == "head" else kept.iloc[max(0, len(kept) - rows) :]
    text, sent = _csv(part, MOST_ASKED, MOST_ASKED)
    if sent < len(part):
        of = f" of the last {len(part):,}" if spec.startswith("tail") else ""
        partly = (f"first {sent:,}{of} rows sent", *partly)
    return FrameText("\n".join([text, *notes]), partly)


def shape(df: Any) -> str:
    """Return "150×5"."""
    return "×".join(f"{n:,}" for n in df.shape)


def _columns_kept(df: Any, most: int) -> tuple[Any, list[str], tuple[str, ...]]:
    """Return the frame without secrets and without the columns beyond the limit; notes and words on both."""
    names = [str(name) for name in df.columns]
    hidden = [
        n for n, name in enumerate(names) if secret_name(name) and df.dtypes.iloc[n].kind not in "biufc"
    ]
    kept = [n for n in range(len(names)) if n not in hidden]
    notes = [f"[… column {names[n]} left out: named like a secret]" for n in hidden]
    partly = [f"{', '.join(names[n] for n in hidden)} held back as named like a secret"] if hidden else []
    if beyond := kept[most:]:
        notes.append(f"[… {len(beyond):,} columns left out, {names[beyond[0]]} to {names[beyond[-1]]}]")
        partly.append(f"{len(beyond):,} columns left out")
    return (df.iloc[:, kept[:most]] if notes else df), notes, tuple(partly)


def _fitted(df: Any, size: str, notes: list[str]) -> str:
    rows, columns = min(10, len(df)), _schema(df)
    while True:
        which = f"First {rows} rows" if rows < len(df) else "All rows"
        sample = [f"{which} as CSV:", _csv(df.iloc[:rows], MOST, MOST_IN_A_CELL)[0]] if rows else []
        text = "\n".join([size, *notes, *columns, *sample])
        if len(text) <= MOST or rows <= 1:
            return cut(text, MOST)
        rows //= 2


def _schema(df: Any) -> list[str]:
    columns = [f"- {name}: {_about(df.iloc[:, n])}" for n, name in enumerate(df.columns)]
    if type(df.index).__name__ != "RangeIndex":
        columns.insert(0, f"- the index: {_about(df.index.to_series())}")
    return columns


def _about(column: Any) -> str:
    missing = int(column.isna().sum())
    facts = (str(column.dtype), f"{missing:,} missing" if missing else "", _summary(column))
    return "; ".join(fact for fact in facts if fact)


def _summary(column: Any) -> str:
    """Return what is typical of a column, or "" where its dtype refuses: the summary is a courtesy."""
    try:
        return _range(column) if column.dtype.kind in "iufmM" else _distinct(column)
    except Exception:
        return ""


def _range(column: Any) -> str:
    if not column.notna().any():
        return ""
    if column.dtype.kind in "mM":
        return f"{column.min()} to {column.max()}"
    return f"min {column.min():.6g}, mean {column.mean():.6g}, max {column.max():.6g}"


def _distinct(column: Any) -> str:
    if len(column) > MOST_TO_COUNT:
        return ""
    number = column.nunique()
    few = ", ".join(cut(str(v), 40) for v in column.dropna().unique()) if 0 < number <= 6 else ""
    return f"{number:,} distinct" + (f": {few}" if few else "")


def _csv(df: Any, most: int, most_in_a_cell: int) -> tuple[str, int]:
    """Return rows as CSV with the index first, and how many there are; a note counts the rows left out."""
    part = df.iloc[: 1 + most // (len(df.columns) + 1)]  # a cell takes one character at least
    text = str(part.map(lambda value: _cell(value, most_in_a_cell)).to_csv(lineterminator="\n")).rstrip("\n")
    if len(text) <= most and len(part) == len(df):
        return text, len(df)
    kept, shown = _whole_rows(text + "\n", most)
    return f"{kept}\n[… {len(df) - shown:,} of {len(df):,} rows left out]", shown


def _whole_rows(text: str, most: int) -> tuple[str, int]:
    """Return the beginning of a CSV up to the end of a row, and its rows; a quoted cell has lines too."""
    at = end = quotes = 0
    rows = -1  # the header is none
    for line in text[: most + 1].split("\n")[:-1]:
        at, quotes = at + len(line) + 1, quotes + line.count('"')
        if quotes % 2 == 0:
            end, rows = at - 1, rows + 1
    return text[: end or most], max(rows, 0)


def _cell(value: Any, most: int) -> Any:
    return cut(str(value), most) if hasattr(value, "__len__") else value


def cut(text: str, most: int) -> str:
    """Return a text no longer than `most` characters and a note that says how much is left out."""
    if len(text) <= most:
        return text
    return f"{text[:most]}[… {len(text) - most:,} characters left out]"
