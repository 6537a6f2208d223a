"""What does a docstring say of a function and of each of its parameters?

Google's, NumPy's and reStructuredText's ways of writing one are read.
"""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

SECTION = re.compile(
    r"(args|arguments|parameters|other parameters|keyword args|keyword arguments):?\s*", re.IGNORECASE
)
OTHER = re.compile(
    r"(returns?|raises|yields?|examples?|notes?|see also|references|warnings?|attributes|todo):?\s*",
    re.IGNORECASE,
)
FIELD = re.compile(r":(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)")
GOOGLE = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
NUMPY = re.compile(r"\*{0,2}(\w+)\s*(?::.*)?")


class Said(NamedTuple):
    """What a docstring says: the text before its sections, and a text for each parameter."""

    about: str
    parameters: dict[str, str]


def read(text: str | None) -> Said:
    """Read a docstring; what it does not say is empty."""
    lines = inspect.cleandoc(text or "").splitlines()
    about = lines[: next((i for i in range(len(lines)) if _ends_prose(lines, i)), len(lines))]
    return Said(_paragraphs(about), {**_sections(lines), **_fields(lines)})


def _ends_prose(lines: list[str], i: int) -> bool:
    field = lines[i].startswith((":param", ":return", ":raise", ":type", ":arg", ":key", ">>>"))
    return field or _heads(SECTION, lines, i) or _heads(OTHER, lines, i)


def _heads(section: re.Pattern[str], lines: list[str], i: int) -> bool:
    named = section.fullmatch(lines[i]) is not None
    return named and (lines[i].rstrip().endswith(":") or _underlined(lines, i))


def _underlined(lines: list[str], i: int) -> bool:
    return i + 1 < len(lines) and re.fullmatch(r"-{3,}\s*", lines[i + 1]) is not None


def _paragraphs(lines: list[str]) -> str:
    """Return prose with the lines of each paragraph joined; a list stays a list."""
    text = "\n".join(line.rstrip() for line in lines).strip()
    return re.sub(r"(?<=\S)\n(?=[^\s*+-])", " ", text)


def _sections(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for i in range(len(lines)):
        if _heads(SECTION, lines, i):
            numpy = _underlined(lines, i)
            found |= _numpy(lines[i + 2 :]) if numpy else _google(lines[i + 1 :])
    return found


def _google(lines: list[str]) -> dict[str, str]:
    """Read `name (type): text`, indented; what is indented further goes on with the text."""
    found: dict[str, list[str]] = {}
    depth, name = 0, ""
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if indent == 0:
            break
        depth = depth or indent
        if indent <= depth and (begun := GOOGLE.fullmatch(line.strip())):
            name = begun[1]
            found[name] = [begun[2]]
        elif name:
            found[name].append(line.strip())
    return {name: " ".join(filter(None, texts)) for name, texts in found.items()}


def _numpy(lines: list[str]) -> dict[str, str]:
    """Read `name : type`, and its text indented below it."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for i, line in enumerate(lines):
        if line[:1].isspace() or not line.strip():
            for name in names:
                found[name].append(line.strip())
        elif _underlined(lines, i):
            break
        else:
            names = [
                m[1] for part in line.partition(":")[0].split(",") if (m := NUMPY.fullmatch(part.strip()))
            ]
            found |= {name: [] for name in names}
    return {name: " ".join(filter(None, texts)) for name, texts in found.items()}


def _fields(lines: list[str]) -> dict[str, str]:
    """Read `:param name: text`; indented lines go on with the text."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if begun := FIELD.fullmatch(line.rstrip()):
            name = begun[1]
            found[name] = begun[2].strip()
        elif name and line[:1].isspace() and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
        else:
            name = ""
    return found
