"""In which form was the answer asked for, and what is said in it?

`FORMS` is tried from the top; each entry is a pattern for the instructions and a function that says
something out of the reading, or None to leave it to the next.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.practice import fill, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claude_magic.practice.reading import Reading

NUMBERS = {
    "one": 1,
    "a": 1,
    "an": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "ten": 10,
}
HOW_MANY = re.compile(
    rf"\b(\d{{1,2}}|{'|'.join(NUMBERS)})\s+(?:\w+\s+)?"
    r"(?:bullets?|points?|sentences?|items?|facts?|reasons?|things|lines?|examples?|keywords?|words?|ideas?|takeaways)\b",
    re.IGNORECASE,
)
MOST_QUOTED = 160  # characters of the question repeated in an answer
MOST_COLUMNS = 4
SIZE = re.compile(r"^([\d,]+) rows × ([\d,]+) columns$", re.MULTILINE)
COLUMN = re.compile(r"^- (.{1,80}?): (.+)$", re.MULTILINE)
JSON = re.compile(
    r"\b(?:as|in|only|valid|return|(?:respond|reply|answer) with|output|a) json\b|\bjson (?:object|only)",
    re.IGNORECASE,
)
ARRAY = re.compile(r"\b(?:array|rows|records)\b", re.IGNORECASE)
HTML = re.compile(r"\bas html\b|\bhtml (?:only|page)", re.IGNORECASE)
CODE = re.compile(
    r"\b(?:code|function|script|class|program|snippet|regex|one-liner)\b|```|\bin python\b|\bpandas\b",
    re.IGNORECASE,
)
CHOICE = re.compile(
    r"\b(?:one of|either|as|choose from|labels?)\b:?\s*"
    r"((?:[\w'\" -]+,\s*)+(?:or\s+|and\s+)?[\w'\" -]+|[\w'\"-]+ or [\w'\"-]+)",
    re.IGNORECASE,
)
CHOOSES = re.compile(r"\b(?:classif|categor|label|choose|which of|sentiment|one of)", re.IGNORECASE)
BULLETS = re.compile(r"\bbullets?\b|\bbullet points?\b|\blist\b|\bpoints\b|\btakeaways\b", re.IGNORECASE)
NAMED = re.compile(r"[`\"']([A-Za-z_][\w ]{0,40})[`\"']")
KEYS = re.compile(r"\b(?:keys?|fields?|properties)\b:?\s+([\w`\"', ]+)", re.IGNORECASE)


def wanted(instructions: str, otherwise: int) -> int:
    """Return how many sentences or bullets were asked for."""
    m = HOW_MANY.search(instructions)
    if not m:
        return otherwise
    amount = m.group(1).casefold()
    return NUMBERS.get(amount) or min(50, max(1, int(amount)))


def say(reading: Reading) -> tuple[str, bool]:
    """Return what is said, and whether it stands alone (JSON carries its label inside)."""
    for pattern, form in FORMS:
        if pattern.search(reading.instructions) and (said := form(reading)):
            return said, form is _json
    return _prose(reading), False


def _json(reading: Reading) -> str:
    keys, tables = _keys(reading.question), words.tables(reading.material)
    made: Any
    if keys:
        wanted_ = {"type": "object", "properties": {key: {} for key in keys}, "required": keys}
        made = fill.fill(wanted_, reading.material or reading.prompt)
    elif tables and ARRAY.search(reading.question):
        rows = [dict(zip(tables[0].columns, map(_cell, row), strict=True)) for row in tables[0].rows]
        return wire.encode([{"practice": True, **row} for row in rows]).decode()
    elif tables:
        made = {"rows": len(tables[0].rows), "columns": tables[0].columns}
    else:
        made = {"answer": " ".join(chosen(reading, 2)) or reading.question}
    return wire.encode({"practice": True, **made}).decode()


def _cell(text: str) -> str | float | None:
    number = words.as_number(text)
    if number is None:
        return text if text.strip() else None
    return int(number) if number.is_integer() else number


def _html(reading: Reading) -> str:
    return f"```html\n<p>{html.escape(_prose(reading))}</p>\n```"


def _keys(question: str) -> list[str]:
    m = KEYS.search(question)
    if not m:
        return []
    found = re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", m.group(1).strip())
    return [k.strip("`\"' ").split()[0] for k in found if k.strip("`\"' ")]


def _code(reading: Reading) -> str | None:
    if not re.search(
        r"\b(?:write|give|show|generate|create|make|complete|implement|code)\b",
        reading.question,
        re.IGNORECASE,
    ):
        return None
    tables = words.tables(reading.material)
    body = _frame_code(reading, tables[0]) if tables else _function_code(reading)
    return f"A sketch drawn from the names in the prompt:\n\n```python\n# practice\n{body}\n```"


def _frame_code(reading: Reading, table: words.Table) -> str:
    measures = [c for c in table.columns if table.numbers(c)]
    groups = [c for c in table.columns if c not in measures]
    measure, group = _mentioned(reading.question, measures), _mentioned(reading.question, groups)
    if measure and group:
        return f"result = df.groupby({group!r})[{measure!r}].mean()\nresult"
    return (
        f"result = df[{measure!r}].describe()\nresult"
        if measure
        else "result = df.describe(include='all')\nresult"
    )


def _mentioned(question: str, columns: list[str]) -> str | None:
    asked = words.stems(fill.SPLIT_NAME.sub(" ", question))
    return max(
        columns, key=lambda c: words.overlap(words.stems(fill.SPLIT_NAME.sub(" ", c)), asked), default=None
    )


def _function_code(reading: Reading) -> str:
    quoted = [name for name in NAMED.findall(reading.question) if name.isidentifier()]
    topic = [
        w.casefold()
        for w in words.WORD.findall(reading.question)
        if w.casefold() not in words.STOP | CODE_WORDS
    ]
    name = quoted[0] if quoted else "_".join(w for w in topic[:3] if w.isidentifier()) or "answer"
    arguments = ", ".join(dict.fromkeys(n for n in quoted[1:] if n != name)) or "value"
    about = quote(reading.question).replace("\\", "").replace('"', "'")
    return f'def {_safe(name)}({arguments}):\n    """{about}"""\n    return {arguments.split(", ")[0]}'


CODE_WORDS = frozenset(
    [
        "code",
        "function",
        "script",
        "class",
        "program",
        "snippet",
        "python",
        "pandas",
        "called",
        "named",
        "takes",
        "create",
        "make",
    ]
)


def _safe(name: str) -> str:
    import keyword

    return f"{name}_" if keyword.iskeyword(name) or name[:1].isdigit() else name


def _choice(reading: Reading) -> str | None:
    m = CHOICE.search(reading.question)
    if not m or not CHOOSES.search(reading.instructions):
        return None
    choices = [
        c.strip(" '\"")
        for c in re.split(r",\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+", m.group(1))
        if c.strip(" '\"")
    ]
    return (
        str(fill.fill({"enum": choices}, reading.material or reading.question)) if len(choices) > 1 else None
    )


def _table(reading: Reading) -> str | None:
    """Say facts of the prompt's first table, of the columns the question names."""
    told, found = _described(reading.material), words.tables(reading.material)
    if told:
        head, facts = told
    elif found:
        head = f"The table shown has {len(found[0].rows)} rows and {len(found[0].columns)} columns"
        facts = {column: _column(found[0], column) for column in found[0].columns}
    else:
        return None
    asked = set(words.stems(fill.SPLIT_NAME.sub(" ", reading.question)))
    named = [c for c in facts if words.overlap(words.stems(fill.SPLIT_NAME.sub(" ", c)), asked)]
    said = [f"{head}: {', '.join(facts)}.", *(facts[c] for c in (named or [*facts])[:MOST_COLUMNS])]
    if BULLETS.search(reading.instructions):
        return bullets(said[: wanted(reading.instructions, len(said))])
    return " ".join(said)


def _described(material: str) -> tuple[str, dict[str, str]] | None:
    """Return the size and the columns of a frame that the prompt describes as a whole."""
    size = SIZE.search(material)
    if not size:
        return None
    facts = {}
    for m in COLUMN.finditer(material, size.end()):
        facts[m[1]] = f"`{m[1]}`: {m[2]}."
    return (f"The table has {size[1]} rows and {size[2]} columns", facts) if facts else None


def _column(table: words.Table, column: str) -> str:
    values = table.numbers(column)
    if values:
        mean = sum(values) / len(values)
        return f"`{column}` runs from {min(values):g} to {max(values):g}; its mean is {mean:.4g}."
    counts = table.counts(column)
    top, times = counts.most_common(1)[0]
    return f"`{column}` has {len(counts)} different values; most often {top or 'empty'}, {times} times."


def _bullets(reading: Reading) -> str | None:
    found = chosen(reading, wanted(reading.instructions, 3))
    return bullets(found) if found else None


def _prose(reading: Reading) -> str:
    found = chosen(reading, wanted(reading.instructions, 2))
    return " ".join([*found, *reading.notes]) if found or reading.notes else nothing(reading)


def chosen(reading: Reading, most: int) -> list[str]:
    """Return the sentences nearest to the question: of the prompt's own text, else of earlier turns."""
    for texts in _places(reading):
        found = [s for text in texts for s in words.sentences(text)]
        if picked := words.best(found, reading.question, most):
            return [found[i].text for i in picked]
    return []


def _places(reading: Reading) -> Iterator[list[str]]:
    yield [s.text for s in (*reading.results, *reading.sources)]
    asked = set(words.stems(reading.question))
    yield [s.text for s in reading.earlier if asked & set(words.stems(s.text))]
    yield [s.text for s in reading.earlier[-1:]]


def bullets(lines: list[str]) -> str:
    """Return a Markdown list."""
    return "\n".join(f"- {line.lstrip('-*• ')}" for line in lines)


def nothing(reading: Reading) -> str:
    """Say that there is nothing to draw an answer from."""
    return (
        "No model was asked: the practice server draws its answers from the prompt's own text. "
        f"The question was: “{quote(reading.question)}” "
        "Add a text, a table or a document, and ask about that."
    )


def quote(text: str) -> str:
    """Return a text on one line, cut to a length worth repeating."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_QUOTED else line[:MOST_QUOTED] + "…"


ALWAYS = re.compile("")
FORMS: tuple[tuple[re.Pattern[str], Callable[[Reading], str | None]], ...] = (
    (JSON, _json),
    (HTML, _html),
    (CODE, _code),
    (CHOICE, _choice),
    (ALWAYS, _table),
    (BULLETS, _bullets),
)
