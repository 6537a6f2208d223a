"""Which JSON and which tables does a text hold?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_magic.prompts.fences import fences

if TYPE_CHECKING:
    import pandas as pd


def json_texts(text: str) -> list[str]:
    """Return where JSON may be: the text itself, then its fenced blocks, those of JSON first."""
    blocks = sorted(fences(text), key=lambda b: not b.language.startswith("json"))
    return [text, *(b.text for b in blocks)]


def json_value(text: str) -> Any:
    """Return the JSON that a text, or the first fenced block of JSON in it, holds; raises ValueError."""
    import json

    for one in json_texts(text):
        try:
            return json.loads(one)
        except (ValueError, RecursionError):
            continue
    raise ValueError("there is no JSON")


def frame(text: str) -> pd.DataFrame | None:
    """Return the rows of a text's JSON, Markdown table or CSV, or None where there are none."""
    import pandas as pd

    for read in (_json_rows, _table, _csv):
        rows = read(text)
        if isinstance(rows, str):
            try:
                return _typed(rows)
            except (ValueError, pd.errors.ParserError):
                continue
        if rows is not None:
            try:
                return pd.DataFrame(rows)
            except (ValueError, TypeError, AttributeError):  # such as rows that are no rows
                continue
    return None


def _json_rows(text: str) -> Any:
    try:
        value = json_value(text)
    except ValueError:
        return None
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list)]
        if len(lists) == 1 and len(value) == 1:
            return _rows(lists[0])
        even = len(lists) == len(value) > 0 and len({len(v) for v in lists}) == 1
        return value if even else [value]
    return _rows(value) if isinstance(value, list) else None


def _rows(values: list[Any]) -> Any:
    return values if any(isinstance(v, dict | list) for v in values) else {"value": values}


def _table(text: str) -> str | None:
    rows: list[list[str]] = []
    for line in text.splitlines():
        cells = _cells(line) if "|" in line else []
        if len(rows) > 1 and not cells:
            break
        if len(rows) == 1 and not all(re.fullmatch(r":?-+:?", c) for c in cells or [""]):
            rows = []  # what looked like a header was none
        if cells:
            rows.append(cells)
    return _as_csv([rows[0], *rows[2:]]) if len(rows) > 1 else None


def _cells(line: str) -> list[str]:
    text = line.strip().removeprefix("|")
    text = text[:-1] if text.endswith("|") and not text.endswith("\\|") else text
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", text)]


def _csv(text: str) -> str | None:
    blocks = list(fences(text))
    labelled = [(b.text, True) for b in blocks if b.language in ("csv", "tsv")]
    texts = [*labelled, *((b.text, False) for b in blocks if not b.language), (text, False)]
    return next((rows for one, sure in texts if (rows := _csv_rows(one, sure=sure))), None)


def _csv_rows(text: str, *, sure: bool) -> str | None:
    import csv

    lines = text.strip().splitlines()
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=sure) if row]
    except csv.Error:
        return None
    even = len(rows) > 1 and len({len(r) for r in rows}) == 1 and len(rows[0]) > 1
    # prose has commas too, but with a space after them
    return _as_csv(rows) if even and (sure or not any(c[:1] == " " for r in rows for c in r)) else None


def _as_csv(rows: list[list[str]]) -> str:
    import csv
    import io

    width, out = len(rows[0]), io.StringIO()
    csv.writer(out).writerows([*row, *[""] * width][:width] for row in rows)
    return out.getvalue()


def _typed(text: str) -> pd.DataFrame:
    import io

    import pandas as pd

    # only an empty cell is missing: "NA" may be Namibia
    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""], skipinitialspace=True)
