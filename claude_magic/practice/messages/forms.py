"""In which form was the answer asked for, and what is said in it?

`FORMS` is tried from the top; each entry is a pattern for the instructions and a function that says
something out of the reading, or None to leave it to the next.
"""

from __future__ import annotations

import html
import keyword
import re
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.practice.messages import fill, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.practice.messages.reading import Reading

COUNTED = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {"a": 1, "an": 1, **{word: n for n, word in enumerate(COUNTED, 1)}}
HOW_MANY = re.compile(
    rf"\b(\d{{1,2}}|{'|'.join(NUMBERS)})\s+(?:\w+\s+)?"
    r"(?:bullets?|points?|sentences?|items?|facts?|reasons?|things|lines?|examples?|keywords?|words?|ideas?|takeaways)\b",
    re.IGNORECASE,
)
BRIEF = re.compile(r"\b(?:brief|briefly|short|shorter)\b", re.IGNORECASE)
MOST_QUOTED = 160  # characters of the question repeated in an answer
MOST_COLUMNS = 4
SHORTEST_TOPIC = 2  # letters of a word that stays out of a function's name
SIZE = re.compile(r"^([\d,]+) rows? × ([\d,]+) columns?$", re.MULTILINE)
COLUMN = re.compile(r"^- (.{1,80}?): (.+)$", re.MULTILINE)
JSON = re.compile(
    r"\b(?:as|in|only|valid|return|(?:respond|reply|answer) with|output|a) json\b|\bjson (?:object|only)",
    re.IGNORECASE,
)
ARRAY = re.compile(r"\b(?:array|rows|records)\b", re.IGNORECASE)
HTML = re.compile(r"\bas html\b|\bhtml (?:only|page)", re.IGNORECASE)
CODE = re.compile(
    r"\b(?:write|give|show|generate|create|make|complete|implement)\b.*"
    r"\b(?:code|function|script|class|program|snippet|regex|(?:in|with|using) (?:python|pandas))\b",
    re.IGNORECASE | re.DOTALL,
)
_CODE_WORDS = """calculate calculates called class code compute computes create function generate implement
make named pandas plot plots print prints program python return returns script snippet take takes using"""
NO_TOPIC = words.STOP.union(_CODE_WORDS.split())
CHOICE = re.compile(
    r"\b(?:one of|either|as|choose from|labels?)\b:?\s*"
    r"((?:[\w'\" -]+,\s*)+(?:or\s+|and\s+)?[\w'\" -]+|[\w'\"-]+ or [\w'\"-]+)",
    re.IGNORECASE,
)
CHOOSES = re.compile(r"\b(?:classif|categor|label|choose|which of|sentiment|one of)", re.IGNORECASE)
BULLETS = re.compile(r"\bbullets?\b|\bbullet points?\b|\blist\b|\bpoints\b|\btakeaways\b", re.IGNORECASE)
NAMED = re.compile(r"[`\"']([A-Za-z_][\w ]{0,40})[`\"']")
VALUE = re.compile(r"<value of=\"([^\W\d]\w*)[^\"\n]*\"[^>\n]*(?:DataFrame|Table|Relation)")
KEYS = re.compile(
    r"\b(?:keys?|fields?|properties|extract|find)\b:?\s+(?:(?:all|the|every|each)\s+)*([\w`\"', ]+)",
    re.IGNORECASE,
)


def wanted(instructions: str, otherwise: int) -> int:
    """Return how many sentences or bullets were asked for."""
    m = HOW_MANY.search(instructions)
    if not m:
        return 1 if BRIEF.search(instructions) else otherwise
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
    if tables and ARRAY.search(reading.question):
        rows = [dict(zip(tables[0].columns, map(cell, row), strict=True)) for row in tables[0].rows]
        return wire.encode([{"practice": True, **row} for row in rows]).decode()
    if tables and not keys:
        made = {"rows": len(tables[0].rows), "columns": tables[0].columns}
    elif keys and reading.material:
        asked = {"type": "object", "properties": {key: {} for key in keys}, "required": keys}
        made = fill.fill(asked, reading.material)
    else:
        made = {"answer": " ".join(chosen(reading, 2)) or _nothing(reading)}
    return wire.encode({"practice": True, **made}).decode()


def _keys(question: str) -> list[str]:
    m = KEYS.search(question)
    found = re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", m.group(1).strip()) if m else []
    named = [re.sub(r"\b(?:as|from|in|of)\b.*", "", key).strip("`\"' ") for key in found]
    return [key.replace(" ", "_") for key in named if key]


def cell(text: str) -> str | float | None:
    """Return what a table's cell holds: a number, a text, or nothing."""
    number = words.as_number(text)
    if number is None:
        return text if text.strip() else None
    return int(number) if number.is_integer() else number


def _html(reading: Reading) -> str:
    return f"```html\n<p>{html.escape(_prose(reading))}</p>\n```"


def _code(reading: Reading) -> str:
    tables = words.tables(reading.material)
    body = _frame_code(reading, tables[0]) if tables else _function_code(reading)
    return f"A sketch drawn from the names in the prompt:\n\n```python\n# practice\n{body}\n```"


def _frame_code(reading: Reading, table: words.Table) -> str:
    measures = [column for column in table.columns if table.numbers(column)]
    groups = [column for column in table.columns if column not in measures]
    measure, group = _mentioned(reading.question, measures), _mentioned(reading.question, groups)
    given = VALUE.search(reading.prompt)
    frame = given[1] if given else "df"
    if measure and group:
        return f"result = {frame}.groupby({group!r})[{measure!r}].mean()\nresult"
    return f"result = {frame}{f'[{measure!r}]' if measure else ''}.describe()\nresult"


def _mentioned(question: str, columns: list[str]) -> str | None:
    asked = words.name_stems(question)
    return max(columns, key=lambda column: len(words.name_stems(column) & asked), default=None)


def _function_code(reading: Reading) -> str:
    question = reading.topic
    quoted = [name for name in NAMED.findall(question) if name.isidentifier()]
    topic = [word.casefold() for word in words.WORD.findall(question) if len(word) > SHORTEST_TOPIC]
    topic = [word for word in topic if word.isidentifier() and word not in NO_TOPIC]
    name = quoted[0] if quoted else "_".join(topic[:3]) or "answer"
    arguments = [*dict.fromkeys(other for other in quoted[1:] if other != name)] or ["value"]
    about = quote(question).replace("\\", "").replace('"', "'")
    return (
        f'def {_safe(name)}({", ".join(map(_safe, arguments))}):\n    """{about}"""\n'
        f"    return {_safe(arguments[0])}  # a model would write this line"
    )


def _safe(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _choice(reading: Reading) -> str | None:
    m = CHOICE.search(reading.question)
    if not m or not CHOOSES.search(reading.instructions):
        return None
    parts = re.split(r",\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+", m.group(1))
    choices = [choice for part in parts if (choice := part.strip(" '\""))]
    found = fill.fill({"enum": choices}, reading.material or reading.question)
    return str(found) if len(choices) > 1 else None


def _table(reading: Reading) -> str | None:
    """Say facts of the prompt's first table, of the columns the question names."""
    told, found = _described(reading.material), words.tables(reading.material)
    if told:
        head, facts = told
    elif found:
        head = f"The table shown has {_size(len(found[0].rows), len(found[0].columns))}"
        facts = {column: _column(found[0], column) for column in found[0].columns}
    else:
        return None
    asked = words.name_stems(reading.question)
    named = [column for column in facts if words.name_stems(column) & asked]
    said = [f"{head}: {', '.join(facts)}.", *(facts[column] for column in (named or [*facts])[:MOST_COLUMNS])]
    if BULLETS.search(reading.instructions):
        return _listed(said[: wanted(reading.instructions, len(said))])
    return " ".join(said)


def _described(material: str) -> tuple[str, dict[str, str]] | None:
    """Return the size and the columns of a frame that the prompt describes as a whole."""
    size = SIZE.search(material)
    if not size:
        return None
    facts = {m[1]: f"`{m[1]}`: {m[2]}." for m in COLUMN.finditer(material, size.end())}
    return (f"The table has {_size(size[1], size[2])}", facts) if facts else None


def _column(table: words.Table, column: str) -> str:
    values = table.numbers(column)
    if values:
        mean = sum(values) / len(values)
        return f"`{column}` runs from {min(values):g} to {max(values):g}; its mean is {mean:.4g}."
    counts = table.counts(column)
    top, times = counts.most_common(1)[0]
    if len(counts) == 1:
        return f"`{column}` has one value: {top or 'empty'}."
    often = "once" if times == 1 else f"{times} times"
    return f"`{column}` has {len(counts)} different values; most often {top or 'empty'}, {often}."


def _size(rows: int | str, columns: int | str) -> str:
    return f"{rows} row{'s' * (str(rows) != '1')} and {columns} column{'s' * (str(columns) != '1')}"


def _bullets(reading: Reading) -> str | None:
    found = chosen(reading, wanted(reading.instructions, 3))
    return _listed(found) if found else None


def _prose(reading: Reading) -> str:
    said = [*chosen(reading, wanted(reading.instructions, 2)), *reading.notes]
    return " ".join(said) or _nothing(reading)


def chosen(reading: Reading, most: int) -> list[str]:
    """Return the sentences nearest to the question."""
    found = [s for source in (*reading.results, *reading.sources) for s in words.sentences(source.text)]
    return [found[i].text for i in words.best(found, reading.topic, most)]


def _listed(lines: list[str]) -> str:
    return "\n".join(f"- {line.lstrip('-*• ')}" for line in lines)


def _nothing(reading: Reading) -> str:
    return (
        "No model was asked: the practice server only draws on the text of the prompt, and there is nothing "
        f"in it to answer “{quote(reading.topic)}” from. "
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
