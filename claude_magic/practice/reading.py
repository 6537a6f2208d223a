"""What is in the prompt?

`read` turns a request into what an answer is drawn from: the question, the material to look in (texts,
documents, tool results, earlier turns) and what is known of its pictures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import sizes
from claude_magic.practice import drills, media, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.rules import Call

ASKS = re.compile(
    r"(?:please\s+|now\s+|then\s+|and\s+)*(?:add|answer|are|calculate|can|classify|compare|compute|convert|could|count|"
    r"create|describe|do|does|draft|draw|explain|extract|fill|find|fix|generate|give|group|how|identify|implement|is|"
    r"list|make|name|plot|print|put|reply|respond|return|rewrite|say|show|sort|split|state|summari[sz]e|tell|translate|"
    r"turn|use|using|what|whats|when|where|which|who|whom|whose|why|would|write)\b",
    re.IGNORECASE,
)
HELD = re.compile(
    r"\n?<(?P<tag>[A-Za-z][\w-]{0,40})(?: [\w-]+=\"(?P<name>[^\"\n]*)\")?[^<>\n]*>\n"
    r"(?P<inside>.*?)\n</(?P=tag)>\n?",
    re.DOTALL,
)
"""A text between tags on lines of their own, such as a notebook's value; its first attribute is its name."""
LABEL = "[practice]"
SHORTEST_TEXT = 4  # words after a colon that are a text of their own


class Source(NamedTuple):
    """A text to draw on. `document` and `result` are its places among the documents and search results."""

    text: str
    kind: str = "text"
    title: str | None = None
    document: int | None = None
    blocks: tuple[str, ...] = ()
    cited: bool = False


@dataclass(slots=True)
class Reading:
    """A request as an answer needs it: `prompt` is the last user text, `earlier` the turns before it."""

    prompt: str = ""
    question: str = ""
    system: str = ""
    sources: list[Source] = field(default_factory=list)
    earlier: list[Source] = field(default_factory=list)
    results: list[Source] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    prefill: str = ""

    @property
    def material(self) -> str:
        """Everything to look in but the question itself."""
        return "\n\n".join(s.text for s in (*self.results, *self.sources) if s.text)

    @property
    def instructions(self) -> str:
        """What says how to answer."""
        return f"{self.question}\n{self.system}"


def read(call: Call) -> Reading:
    """Read a request."""
    found = Reading(system=_text(call.body.get("system") or ""))
    turns = [m for m in call.body["messages"] if m["role"] != "system"]
    if turns and turns[-1]["role"] == "assistant":
        found.prefill = _text(turns.pop()["content"])
    last = len(turns)
    while last and turns[last - 1]["role"] == "user":
        last -= 1
    documents = _documents(call)
    for i, turn in enumerate(turns):
        for source in _sources(turn["content"], documents, found.notes if i >= last else []):
            if i < last:
                text = source.text.removeprefix(LABEL).strip()
                found.earlier.append(source._replace(text=text, kind=turn["role"]))
            elif source.kind == "prompt":
                found.prompt = f"{found.prompt}\n{source.text}" if found.prompt else source.text
            else:
                (found.results if source.kind == "result" else found.sources).append(source)
    _divide(found)
    return found


def _divide(found: Reading) -> None:
    """Tell the question from the text it is about; what stands between tags is such a text."""
    held: list[str] = []

    def hold(m: re.Match[str]) -> str:
        held.append(m["inside"])
        return f" {m['name']} " if m["name"] else "\n"

    prompt = HELD.sub(hold, drills.plain(found.prompt))
    asked, told = _sorted(prompt)
    material = "\n".join(told).strip()
    found.question = " ".join(" ".join(asked or [material or found.prompt]).split())
    if not asked and (held or "\n" not in material):
        material = ""  # a lone sentence is the question, not what to answer it from
    found.sources[:0] = [Source(text) for text in (*held, material) if text.strip()]


def _sorted(prompt: str) -> tuple[list[str], list[str]]:
    """Return the sentences that ask, and the rest with its lines and tables as they were."""
    tables = words.tables(prompt) if prompt.count("\n") else []
    rows = {i for table in tables for i in range(table.first, table.last + 1)}
    asked, told = list[str](), list[str]()
    for i, line in enumerate(prompt.splitlines()):
        if i in rows:
            told.append(line)
            continue
        for sentence in words.sentences(line):
            if sentence.text.endswith(("?", "？")) or ASKS.match(sentence.text):
                question, given = _colon(sentence.text)
                asked.append(question)
                told += [given] if given else []
            else:
                told.append(sentence.text)
        told.append("")
    return asked, told


def _colon(sentence: str) -> tuple[str, str]:
    """Split "Translate this: the text" into the two; a list after the colon belongs to the question."""
    question, _, given = sentence.rpartition(": ")
    is_text = len(given.split()) - given.count(",") >= SHORTEST_TEXT and ASKS.match(question)
    return (f"{question}:", given) if is_text else (sentence, "")


def _documents(call: Call) -> dict[int, int]:
    """Return the place among the documents (or among the search results) of each such block, by identity."""
    kinds = {"document": 0, "search_result": 0}
    places = {}
    for _, block in call.documents():
        places[id(block)] = kinds[block["type"]]
        kinds[block["type"]] += 1
    return places


def _sources(content: Any, places: dict[int, int], notes: list[str]) -> Iterator[Source]:
    blocks: list[dict[str, Any]] = (
        [{"type": "text", "text": content}] if isinstance(content, str) else content
    )
    for block in blocks:
        match block["type"]:
            case "text":
                yield Source(block["text"], "prompt")
            case "document":
                yield _document(block, places, notes)
            case "search_result":
                texts = tuple(inner["text"] for inner in block["content"])
                cited = bool((block.get("citations") or {}).get("enabled"))
                yield Source(
                    " ".join(texts), "search_result", block["title"], places.get(id(block)), texts, cited
                )
            case "image":
                notes.append(_image(block["source"]))
            case "tool_result":
                inner = block.get("content") or ""
                yield Source(_text(inner), "result")
                if isinstance(inner, list):
                    rest = [b for b in inner if b["type"] in ("document", "search_result", "image")]
                    yield from _sources(rest, places, notes)


def _document(block: dict[str, Any], places: dict[int, int], notes: list[str]) -> Source:
    source, title = block["source"], block.get("title")
    cited = bool((block.get("citations") or {}).get("enabled"))
    place = places.get(id(block))
    if source["type"] == "text":
        return Source(source["data"], "document", title, place, (), cited)
    if source["type"] == "content":
        inner = source["content"]
        texts = (inner,) if isinstance(inner, str) else tuple(b["text"] for b in inner if b["type"] == "text")
        return Source(" ".join(texts), "content", title, place, texts, cited)
    name = f"The document {title}" if title else "The document"
    notes.append(f"{name} is a PDF or a link, which the practice server does not read.")
    return Source("", "document", title, place)


def _image(source: dict[str, Any]) -> str:
    if source["type"] != "base64":
        return "The image is given by reference; the practice server does not fetch it."
    size = sizes.size(media.raw(source))
    kind = source["media_type"].removeprefix("image/").upper()
    return f"The image is a {kind}" + (f" of {size.width} by {size.height} pixels." if size else ".")


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(b["text"] for b in content if b["type"] == "text")
