"""Which words, sentences and tables are in a text?"""

from __future__ import annotations

import csv
import functools
import math
import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SENTENCES = 2_000
MOST_ROWS = 20_000
MOST_NAME = 40  # characters of a column's name
MOST_LINE = 10_000  # characters of a table's line
MOST_DIGITS = 15
MISSING = ("", "NaN", "nan", "None", "null", "<NA>")
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
SPLIT_NAME = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")
NO_SPACES = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")  # Thai, Japanese, Chinese
SENTENCE = re.compile(r"\S.*?(?:[.!?]+[\"')\]”’]*(?=\s|$)|[。！？؟]|$)", re.MULTILINE)
_STOP = """
a about all also am an and any are as at be because been but by can could did do does each for from give had
has have he her here him his how i if in into is it its just like many may me more most much my no not of on
one only or other our out over please say she should show so some such tell than that the their them then
there these they this to two three up us use very was we were what when where which while who why will with
would you your answer based below following question text summarise summarize summary list explain describe
bullet bullets point points sentence sentences word words write extract find json return reply respond
"""
STOP = frozenset(_STOP.split())
ENDINGS = ("ings", "ing", "edly", "ed", "ies", "es", "ly", "s", "e")


class Sentence(NamedTuple):
    """A sentence and where it stands in its text, in characters."""

    text: str
    start: int
    end: int


@functools.lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Return a word's beginning that its forms share: billing, billed and bill give bill."""
    word = word.casefold()
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> list[str]:
    """Return the stems of a text's words that carry meaning, in order."""
    return [stem(word) for word in WORD.findall(text) if word.casefold() not in STOP]


def name_stems(text: str) -> frozenset[str]:
    """Return the stems of a text, those inside names such as `petal_length` and `petalLength` too."""
    return frozenset(stems(SPLIT_NAME.sub(" ", text)))


def length(text: str) -> int:
    """Return how many words a text has; where a script has no spaces, each character is one."""
    return len(NO_SPACES.sub(" x ", text).split())


def sentences(text: str) -> list[Sentence]:
    """Return the sentences of a text, a line end being an end too."""
    found = islice(SENTENCE.finditer(text), MOST_SENTENCES)
    return [Sentence(m.group().rstrip(), m.start(), m.start() + len(m.group().rstrip())) for m in found]


def best(candidates: list[Sentence], question: str, most: int) -> list[int]:
    """Return the places of the sentences nearest to the question by shared words, rare ones counting more.

    Where none shares a word, the places of those with the text's most frequent words.
    """
    bags = [frozenset(stems(s.text)) for s in candidates]
    known = Counter(word for bag in bags for word in bag)
    asked = {word for word in stems(question) if word in known}
    shared = bool(asked)
    if not asked:
        asked = {word for word, _ in known.most_common(8)}
    weights = {
        word: math.log(1 + len(bags) / known[word]) if shared else known[word] for word in sorted(asked)
    }
    scores = [sum(weights[w] for w in weights if w in bag) / (8 + len(bag)) for bag in bags]
    ranked = sorted(range(len(bags)), key=lambda i: (-scores[i], i))
    return sorted(i for i in ranked[:most] if scores[i] > 0 or not shared)


class Table(NamedTuple):
    """A table found in a text: columns, rows of cells, and the first and last line it takes."""

    columns: list[str]
    rows: list[list[str]]
    first: int
    last: int

    def numbers(self, column: str) -> list[float]:
        """Return a column's numbers; empty unless every cell is one or is empty."""
        at = self.columns.index(column)
        cells = [cell for row in self.rows if (cell := row[at].strip()) not in MISSING]
        found = [number for cell in cells if (number := as_number(cell)) is not None]
        return found if found and len(found) == len(cells) else []

    def counts(self, column: str) -> Counter[str]:
        """Return how often each value of a column comes."""
        at = self.columns.index(column)
        return Counter(row[at].strip() for row in self.rows)


def as_number(text: str) -> float | None:
    """Return a cell as a number, thousands commas and a currency sign aside; None when it is none."""
    try:
        value = float(text.replace(",", "").strip("$€£% "))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def tables(text: str, least: int = 2) -> list[Table]:
    """Return the tables of a text: Markdown, CSV, tab-separated, or a printed DataFrame.

    What is no Markdown has at least so many rows, or any lines would be tables.
    """
    lines = text.splitlines()
    found: list[Table] = []
    at = 0
    while at < len(lines):
        table = next((t for cut in CUTS if (t := _table(lines, at, cut, least))), None)
        if table:
            found.append(table)
            at = table.last + 1
        else:
            at += 1
    return found


def _table(lines: list[str], first: int, cut: str, least: int) -> Table | None:
    header = _cells(lines[first], cut)
    indexed = int(cut == "space" or header[:1] == [""])  # a printed or written frame has its index first
    header = header[1:] if header[:1] == [""] else header
    if len(header) < 2 or not all(_is_name(cell) for cell in header) or len(set(header)) < len(header):
        return None
    rows, at = list[list[str]](), first
    for at in range(first + 1, min(len(lines), first + MOST_ROWS)):
        cells = _cells(lines[at], cut)
        if cut == "|" and cells and all(set(cell) <= set(":- ") for cell in cells):
            continue
        if len(cells) != len(header) + indexed:
            at -= 1
            break
        rows.append(cells[indexed:])
    if len(rows) < (1 if cut == "|" else least):
        return None
    return Table(header, rows, first, at)


CUTS = ("|", "\t", ",", ";", "space")


def _cells(line: str, cut: str) -> list[str]:
    if len(line) > MOST_LINE or (cut not in line and cut != "space"):
        return []
    if cut == "space":
        return line.split()
    if cut == "|":
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=cut), [])]


def _is_name(cell: str) -> bool:
    plain = not cell.endswith((".", "?", "!", ":")) and ": " not in cell and not cell.startswith("- ")
    return 0 < len(cell) <= MOST_NAME and plain and as_number(cell) is None


def numbers(text: str) -> Iterator[tuple[float | int, int]]:
    """Yield (number, place) of the numbers in a text, dates aside."""
    for m in NUMBER.finditer(DATE.sub(lambda date: " " * len(date.group()), text)):
        cleaned = m.group().replace(",", "")
        if len(cleaned) <= MOST_DIGITS:
            yield (float(cleaned) if "." in cleaned else int(cleaned)), m.start()


DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}")
NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w])")
