"""How is a JSON schema filled from a text?

Values are found, not invented: enumerations by shared words, numbers near their field's name, strings by
label ("name: Ada"), by shape (dates, addresses), as names or as the nearest sentence. What the text does
not have gets the smallest value the schema allows.
"""

from __future__ import annotations

import re
from typing import Any

from claude_magic.practice.messages import words
from claude_magic.practice.messages.schemas import resolve

FORMATS = {
    # format -> (what it looks like in a text, the value when there is none)
    "date": (r"\b\d{4}-\d{2}-\d{2}\b", "2026-01-01"),
    "date-time": (
        r"\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})",
        "2026-01-01T00:00:00Z",
    ),
    "time": (r"\b\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})", "00:00:00Z"),
    "duration": (r"\bP(?=.)(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?\b", "PT0S"),
    "email": (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "practice@example.org"),
    "hostname": (r"\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b", "example.org"),
    "uri": (r"https?://[^\s<>\"')\]]+", "https://example.org/"),
    "ipv4": (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "192.0.2.1"),
    "ipv6": (r"\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b", "2001:db8:0:0:0:0:0:1"),
    "uuid": (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "00000000-0000-4000-8000-000000000000"),
}
NAME_FIELDS = re.compile(
    r"name|person|people|city|cities|town|country|countries|place|location|author|company|organi[sz]ation|brand|who|"
    r"customer|user|team|speaker|language",
    re.IGNORECASE,
)
PROPER = re.compile(r"\b[^\W\d_a-z][\w'’-]+(?:\s+[^\W\d_a-z][\w'’-]+)*")
LEXICON = {
    # words that speak for a choice that itself is seldom in the text
    "positive": "good great love loved excellent happy best amazing perfect fast friendly recommend nice",
    "negative": "bad poor hate hated terrible awful broken worst slow late rude refund disappoint never",
    "yes": "true correct agree sure",
    "no": "not false wrong never disagree",
}
IS = r"\s+is\s+([^\n;,]+?)(?=[.!?]?(?:[\n;,]|$|[.!?]\s|\s(?:and|but|who|which)\s))"
COLON = r"\s*[:=]\s*([^\n;,]+?)(?=[.!?]?(?:[\n;,]|$|[.!?]\s))"
MOST_ITEMS = 20
NUMBER_FIELDS = re.compile(
    r"age|year|price|cost|amount|total|count|quantity|number|population|score|rating|percent", re.IGNORECASE
)
NEGATED = re.compile(r"\b(?:not|no|never|without|isn't|n't)\s+(?:\w+\s+)?\w*$")
TRIES = "0 a A 00 000 0000 00000 aa AA AAA a0 A0 A-0 0.0 practice"  # for a pattern the text has nothing for


class Filler:
    """Fills schemas from one text; each number and name is used once before any is used again."""

    def __init__(self, text: str, root: dict[str, Any]) -> None:
        self.text, self.root = text, root
        self.stems = frozenset(words.stems(text))
        self._taken: set[tuple[str, Any]] = set()
        self._open: list[str] = []

    def fill(self, schema: Any, name: str = "") -> tuple[Any, bool]:
        """Return a value the schema allows, and whether the text has it."""
        if not isinstance(schema, dict):
            return None, False
        if "$ref" in schema:
            return self._referred(schema["$ref"], name)
        if "const" in schema:
            return schema["const"], True
        if schema.get("enum"):
            return self._choice(schema["enum"])
        if schema.get("allOf"):
            return self.fill(_joined(schema["allOf"], schema, self.root), name)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            whole = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
            return self._first([{**whole, **option} for option in options], name)
        kind = schema.get("type") or ("object" if "properties" in schema else _guessed(name))
        if isinstance(kind, list):
            return self._first([{**schema, "type": k} for k in kind], name)
        match kind:
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema, name)
            case "string":
                return self._string(schema, name)
            case "integer" | "number":
                return self._number(schema, name, whole=kind == "integer")
            case "boolean":
                return self._boolean(name)
        return None, False

    def _referred(self, reference: str, name: str) -> tuple[Any, bool]:
        if reference in self._open:
            return None, False
        self._open.append(reference)
        try:
            return self.fill(resolve(self.root, reference), name)
        finally:
            self._open.pop()

    def _first(self, options: list[Any], name: str) -> tuple[Any, bool]:
        """Return the first option the text speaks for; else null where allowed, else the first."""
        values = []
        for option in options:
            before = set(self._taken)
            value, found = self.fill(option, name)
            if found and value is not None:
                return value, True
            self._taken = before
            values.append(value)
        return (None, False) if None in values else (values[0], False)

    def _choice(self, choices: list[Any]) -> tuple[Any, bool]:
        if len(choices) == 1:
            return choices[0], True
        scores = [self._speaks_for(str(choice)) for choice in choices]
        top = max(scores)
        return choices[scores.index(top)], top > 0

    def _speaks_for(self, choice: str) -> int:
        own = words.name_stems(choice) or {choice.casefold()}
        hints = words.name_stems(LEXICON.get(choice.casefold(), ""))
        return 2 * len(own & self.stems) + len(hints & self.stems)

    def _object(self, schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        fields = schema.get("properties") or {}
        source = next(iter(self._rows_as_texts(fields)), None)
        one = self if source is None else self._inside(source)
        filled = {key: one.fill(inner, key) for key, inner in fields.items()}
        required = schema.get("required") or ()
        kept = {key: value for key, (value, found) in filled.items() if found or key in required}
        return kept, any(found for _, found in filled.values())

    def _array(self, schema: dict[str, Any], name: str) -> tuple[list[Any], bool]:
        items = schema.get("items") or {"type": "string"}
        reference = items.get("$ref")
        if reference in self._open:
            return [], False
        if reference:
            self._open.append(reference)
            items = resolve(self.root, reference) or {}
        made = self._rows(items) if items.get("properties") else self._items(items, name)
        if not made and schema.get("minItems"):
            made = [self.fill(items, name)[0]]
        if reference:
            self._open.pop()
        return made, bool(made)

    def _rows(self, items: dict[str, Any]) -> list[Any]:
        """Make an object per row of a table with these columns, else per sentence that has any."""
        if texts := self._rows_as_texts(items["properties"]):
            return [self._inside(text).fill(items)[0] for text in texts[:MOST_ITEMS]]
        made = [self._inside(s.text).fill(items) for s in words.sentences(self.text)[:MOST_ITEMS]]
        return [value for value, found in made if found]

    def _rows_as_texts(self, fields: dict[str, Any]) -> list[str]:
        """Return the rows of the first table with such columns, each as lines like "name: Ada"."""
        wanted = {name.casefold() for name in fields}
        for table in words.tables(self.text, 1):
            named = sum(column.casefold() in wanted for column in table.columns)
            if named > 1 or (named and (len(wanted) == 1 or len(table.rows) > 1)):
                return ["\n".join(map(": ".join, zip(table.columns, row, strict=True))) for row in table.rows]
        return []

    def _inside(self, text: str) -> Filler:
        inner = Filler(text, self.root)
        inner._open = self._open
        return inner

    def _items(self, items: dict[str, Any], name: str) -> list[Any]:
        if items.get("enum"):
            return [choice for choice in items["enum"] if self._speaks_for(str(choice))]
        kind = items.get("type")
        if kind in ("integer", "number"):
            every = [n for n, _ in words.numbers(self.text)]
            return (every if kind == "number" else [int(n) for n in every if n == int(n)])[:MOST_ITEMS]
        if kind != "string" or {"anyOf", "oneOf", "allOf", "const", "pattern"} & set(items):
            value, has = self.fill(items, name)
            return [value] if has else []
        if shape := FORMATS.get(items.get("format", "")):
            return list(dict.fromkeys(m.group() for m in re.finditer(shape[0], self.text)))[:MOST_ITEMS]
        if NAME_FIELDS.search(name):
            return self._names()[:MOST_ITEMS]
        found = words.sentences(self.text)
        return [_tidy(found[i].text) for i in words.best(found, _plain(name), 3)]

    def _number(self, schema: dict[str, Any], name: str, *, whole: bool) -> tuple[int | float, bool]:
        low, high = (_limit(schema, *keys) for keys in (("minimum", "least"), ("maximum", "most")))
        found = [
            (n, at)
            for n, at in words.numbers(self.text)
            if (not whole or n == int(n)) and (low is None or n >= low) and (high is None or n <= high)
        ]
        if not found:
            least = low if low is not None else min(0, high if high is not None else 0)
            return (int(least) if whole else least), False
        places = self._places(name)
        fresh = [f for f in found if ("number", f[1]) not in self._taken] or found
        number, at = min(fresh, key=lambda f: min((_distance(f[1], p) for p in places), default=f[1]))
        self._taken.add(("number", at))
        return (int(number) if whole else number), True

    def _places(self, name: str) -> list[int]:
        wanted = words.name_stems(name)
        return [m.end() for m in words.WORD.finditer(self.text) if wanted and words.stem(m.group()) in wanted]

    def _boolean(self, name: str) -> tuple[bool, bool]:
        if label := self._labelled(name):
            return label.casefold() in ("true", "yes", "y", "1", "on"), True
        said = [not NEGATED.search(self.text[max(0, at - 60) : at]) for at in self._places(name)]
        return bool(said) and all(said), bool(said)

    def _string(self, schema: dict[str, Any], name: str) -> tuple[str, bool]:
        if pattern := schema.get("pattern"):
            return _matching(pattern, self.text)
        if shape := FORMATS.get(schema.get("format", "")):
            found = [m.group() for m in re.finditer(shape[0], self.text)]
            return (found[0], True) if found else (shape[1], False)
        if label := self._labelled(name):
            self._taken.add(("name", label))
            return label, True
        if NAME_FIELDS.search(name) and (names := self._names()):
            fresh = [n for n in names if ("name", n) not in self._taken] or names
            self._taken.add(("name", fresh[0]))
            return fresh[0], True
        about = f"{_plain(name)} {schema.get('description', '')}"
        sentences = words.sentences(self.text)
        chosen = words.best(sentences, about, 1)
        hit = bool(words.name_stems(name) & self.stems)
        return (_tidy(sentences[chosen[0]].text), hit) if chosen else (_tidy(self.text), False)

    def _labelled(self, name: str) -> str:
        """Return what follows the field's name in the text: "name: Ada", "name is Ada", "name = Ada"."""
        label = r"[\s_-]+".join(map(re.escape, _plain(name).split()))
        m = re.search(rf"\b{label}\b\W{{0,3}}(?:{IS}|{COLON})", self.text, re.IGNORECASE) if label else None
        return (m.group(1) or m.group(2)).strip(" \"'`*") if m else ""

    def _names(self) -> list[str]:
        """Return the capitalised names of the text; a word that only opens a sentence comes last."""
        opens = {s.start for s in words.sentences(self.text)}
        found = [m for m in PROPER.finditer(self.text) if m.group().casefold() not in words.STOP]
        found.sort(key=lambda m: m.start() in opens and " " not in m.group())
        return list(dict.fromkeys(m.group() for m in found))


def fill(schema: dict[str, Any], text: str) -> Any:
    """Return a value that the schema allows, drawn from the text."""
    return Filler(text, schema).fill(schema)[0]


def _limit(schema: dict[str, Any], key: str, word: str) -> float | None:
    """Return the least or the most a number may be; of what the API does not take the description tells."""
    told = re.search(rf"\bat {word} (-?\d+(?:\.\d+)?)", str(schema.get("description", "")))
    value = schema.get(key, told and float(told[1]))
    return value if isinstance(value, int | float) else None


def _plain(name: str) -> str:
    return " ".join(part for part in words.SPLIT_NAME.split(name) if part)


def _distance(number: int, label: int) -> float:
    """Return how far a number is from a label's end; one before its label counts as further away."""
    return number - label if number >= label else 1.5 * (label - number) + 2


def _tidy(text: str, most: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most].rsplit(" ", 1)[0] + "…"


def _matching(pattern: str, text: str) -> tuple[str, bool]:
    try:
        wanted = re.compile(pattern)
        bare = re.compile(pattern.removeprefix("^").removesuffix("$"))
    except re.error:
        return "", False
    found = next((m.group() for m in bare.finditer(text[:20_000]) if wanted.search(m.group())), None)
    if found is not None:
        return found, True
    return next((t for t in ["", *TRIES.split()] if wanted.search(t)), ""), False


def _guessed(name: str) -> str:
    """Return the type of a field that has only a name."""
    return "number" if NUMBER_FIELDS.fullmatch(_plain(name)) else "string"


def _joined(parts: list[Any], schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
    for part in parts:
        whole = (resolve(root, part["$ref"]) or {}) if "$ref" in part else part
        properties = {**made.get("properties", {}), **whole.get("properties", {})}
        required = [*made.get("required", []), *whole.get("required", [])]
        made |= whole
        if properties:
            made |= {"properties": properties, "required": required}
    return made
