"""Which HTTP calls exist?

`data/endpoints.txt` has one row per call; `ENDPOINTS` holds them by the official SDK's names. From a row come
the method, its signature, how it pages, the check of its size before sending, the practice server's route, a
line of documentation and a test.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 2**20
DOCS = "https://platform.claude.com/docs/en/api/"
PAGING = {"id": ("after_id", "before_id"), **dict.fromkeys(("page", "pages", "report"), ("page",))}
KINDS = ("multipart", "binary", "jsonl", "sse")
ROW = r"  (\w+) +(\w+) +(?:\.|(\S+)) +(\[.*?\] )?-> (\w+)(?:: *(.*))?"


class Param(NamedTuple):
    """One parameter of a call: its name, its type in the table's words, and where it goes.

    `query`: into the query, as every parameter of GET and DELETE does; `whole`: it is the body itself.
    """

    name: str
    type: str = "str"
    many: bool = False
    needed: bool = False
    query: bool = False
    whole: bool = False


class Endpoint(NamedTuple):
    """One call: verb, path, parameters (`words`), paging, what a repeat does, the largest body (bytes)."""

    name: str
    method: str
    path: str
    answer: str = "object"
    words: str = ""
    paging: str | None = None
    usual: int | None = None
    most_items: int | None = None
    kind: str = "json"
    paid: bool = False
    once: bool = False
    most: int = 32 * MB
    beta: bool = False
    betas: tuple[str, ...] = ()
    legacy: bool = False
    page: str = ""

    @property
    def params(self) -> dict[str, Param]:
        """Return the parameters of query and body, by name."""
        return _params(self.words, self.method, self.paging)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the path's own parameters, in order."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def admin(self) -> bool:
        """Say whether the call is the organization's, which takes an admin key."""
        return self.path.startswith(("/v1/organizations", "/v1/compliance"))

    @property
    def doc(self) -> str:
        """Return the address of the API's own page for this call."""
        return urljoin(DOCS, self.page or f"{'beta/' * self.beta}{self.name.replace('.', '/')}")


def match(method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """Return the row that a request is for, and its path parameters as they stand there; None where none is.

    A literal segment goes before a parameter: `/work/poll` is no work item.
    """
    segments = path.rstrip("/").split("/")
    for row in _routes().get((method, len(segments)), ()):
        parts = row.path.split("/")
        if all(a == b or (b[:1] == "{" and a) for a, b in zip(segments, parts, strict=True)):
            return row, {b[1:-1]: a for a, b in zip(segments, parts, strict=True) if b[:1] == "{"}
    return None


@functools.cache
def _routes() -> dict[tuple[str, int], list[Endpoint]]:
    found: dict[tuple[str, int], list[Endpoint]] = {}
    for row in sorted(ENDPOINTS.values(), key=lambda row: [part[:1] == "{" for part in row.path.split("/")]):
        found.setdefault((row.method, row.path.count("/") + 1), []).append(row)
    return found


def _read(text: str) -> Iterator[Endpoint]:
    space = base = ""
    shared: dict[str, Any] = {}
    for line in re.sub(r"\n {6}", " ", text).splitlines():
        if line.startswith("  "):
            verb, method, suffix, traits, answer, words = _groups(ROW, line)
            own = {**shared, **_traits(traits)}
            yield Endpoint(f"{space}.{verb}", method, base + suffix, answer, words, **own)
        elif line and not line.startswith("#"):
            space, base, *more = line.split(" ", 2)
            shared = _traits("".join(more))


def _groups(pattern: str, text: str) -> tuple[str, ...]:
    if found := re.fullmatch(pattern, text):
        return found.groups("")
    raise ValueError(f"data/endpoints.txt cannot be read here: {text}")


def _traits(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in filter(None, re.split(r"[\[\],]\s*", text.strip())):
        name, _, value = re.sub(r"[ =]", " ", word, count=1).partition(" ")
        if name in PAGING:
            usual, most, *_ = (int(n) if n.isdecimal() else None for n in f"{value}/".split("/"))
            found |= {"paging": name, "usual": usual, "most_items": most}
        elif name in KINDS:
            found["kind"] = name
        elif name.endswith("MB"):
            found["most"] = int(name[:-2]) * MB
        elif name == "beta":
            found |= {"beta": True, "betas": (value,) if value else ()}
        elif name == "doc":
            found["page"] = value
        else:  # paid, once, legacy: a name that is no field is found out when the row is made
            found[name] = True
    return found


def _param(word: str, method: str) -> Param:
    mark, name, form, kind, needed = _groups(r"([?*]?)(\w+)(\[\]|\{\})?(?::([\w|]+))?(!)?", word)
    kind = kind or ("dict" if form == "{}" else "str")
    query = mark == "?" or method in ("GET", "DELETE")
    return Param(name, kind, form == "[]", bool(needed), query, mark == "*")


@functools.cache
def _params(words: str, method: str, paging: str | None) -> dict[str, Param]:
    paged = ("?limit:int", *(f"?{name}" for name in PAGING[paging])) if paging else ()
    return {param.name: param for word in (*paged, *words.split()) for param in [_param(word, method)]}


_TABLE = Path(__file__).parents[1] / "data" / "endpoints.txt"
ENDPOINTS = {row.name: row for row in _read(_TABLE.read_text("utf-8"))}
