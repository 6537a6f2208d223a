"""What is in the prompt?

`read` turns a request into what an answer is drawn from: the question, the material to look in (texts,
documents, tool results, earlier turns) and what is known of its pictures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.practice import drills
from claude_magic.practice.messages import media, words
from claude_magic.practice.messages.rules import cites
from claude_magic.prompts import sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.messages.rules import Call

ASKS = re.compile(
    r"(?:please\s+|now\s+|then\s+|and\s+)*(?:add|answer|are|calculate|can|classify|compare|compute|convert|could|count|"
    r"create|describe|do|does|draft|draw|explain|extract|fill|find|fix|generate|give|group|how|identify|implement|is|"
    r"list|make|name|plot|print|put|reply|respond|return|rewrite|say|show|sort|split|state|summari[sz]e|tell|translate|"
    r"turn|use|using|what|whats|when|where|which|who|whom|whose|why|would|write)\b",
    re.IGNORECASE,
)
MANNER = re.compile(
    r"(?:in|as|into|with|for|to|by|per)\s"
)  # "… in one sentence", after a text that stood before it
REFERS = re.compile(
    r"\b(?:it|its|that|this|them|they|their|these|those|again|shorter|longer|more)\b", re.IGNORECASE
)
LABEL = "[practice]"
SAYS_HOW = ("value", "rubric", "instructions", "example", "examples")
"""Tags around what says how to answer; a value of a notebook may be that, too."""
SHORTEST_TEXT = 4  # words after a colon that are a text of their own
SHORTEST_MATERIAL = 3  # words that are worth drawing an answer from
FORMAT = re.compile(
    r"\s*(?:Answer with JSON only|Answer with a JSON array of objects, one for each row, and nothing else|"
    r"Write the answer as one fenced code block|Answer with HTML only, in one fenced code block)\.\s*$"
)
"""What a notebook's format adds to the end of a question."""


class Source(NamedTuple):
    """A text to draw on. `place` is its place among the documents, or among the search results."""

    text: str
    kind: str = "text"
    title: str | None = None
    place: int | None = None
    blocks: tuple[str, ...] = ()
    cited: bool = False
    file_id: str | None = None


@dataclass(slots=True)
class Reading:
    """A request as an answer needs it: `prompt` is the last user text, `notes` what is known of pictures.

    `marked` is what it puts between tags of its own, as the text that the question is about.
    """

    prompt: str = ""
    question: str = ""
    system: str = ""
    marked: str = ""
    sources: list[Source] = field(default_factory=list)
    results: list[Source] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def material(self) -> str:
        """Everything to look in but the question itself."""
        return "\n\n".join(source.text for source in (*self.results, *self.sources) if source.text)

    @property
    def topic(self) -> str:
        """The question in the asker's own words, without what a format added to it."""
        return FORMAT.sub("", self.question) or FORMAT.sub("", self.prompt).strip() or self.question

    @property
    def instructions(self) -> str:
        """What says how to answer."""
        return f"{self.question}\n{self.system}"


def read(call: Call) -> Reading:
    """Read a request; a question that brings nothing to look in is about what earlier turns gave."""
    found, places, earlier = Reading(system=wording(call.body["system"])), _places(call), list[Source]()
    turns = [message for message in call.body["messages"] if message["role"] != "system"]
    while turns and turns[-1]["role"] == "assistant":  # a prefill
        turns.pop()
    last = len(turns)
    while last and turns[last - 1]["role"] == "user":
        last -= 1
    for turn in turns[:last]:
        if turn["role"] == "user":
            earlier += _given(turn["content"], places)
    _take(found, [block for turn in turns[last:] for block in turn["content"]], places)
    if not (found.results or found.sources or found.notes):
        found.sources = _recalled(found.question, earlier)
    return found


def _given(blocks: list[dict[str, Any]], places: dict[int, int]) -> list[Source]:
    """Return what a turn gave to look in: its texts, or what it told without a question, such as a name."""
    turn = Reading()
    _take(turn, blocks, places)
    told = [] if not turn.question or _asks(turn.question) else [Source(turn.question)]
    return [*turn.results, *turn.sources] or told


def _recalled(question: str, earlier: list[Source]) -> list[Source]:
    """Return the sources that share words with a question, or all that its "it" can mean."""
    asked = words.name_stems(question)
    about = [source for source in earlier if asked & words.name_stems(source.text)]
    return about or (earlier if REFERS.search(question) else [])


def _take(found: Reading, blocks: list[dict[str, Any]], places: dict[int, int]) -> None:
    """Take in the blocks of a turn."""
    found.prompt = wording(blocks)
    for source in _sources(blocks, places, found.notes):
        (found.results if source.kind == "result" else found.sources).append(source)
    _divide(found)


def _divide(found: Reading) -> None:
    """Tell the question from the text it is about; what stands between tags is such a text."""
    held: list[str] = []

    def hold(m: re.Match[str]) -> str:
        held.append(m["inside"])
        if m["tag"].lower() not in SAYS_HOW:
            found.marked += f"{m['inside']}\n"
        return f" {m['name']} " if m["name"] else "\n"

    prompt = drills.HELD.sub(hold, drills.plain(found.prompt))
    asked, told = _sorted(prompt)
    material = "\n".join(told).strip()
    found.question = " ".join(" ".join(asked or [material or found.prompt]).split())
    if not asked and (held or "\n" not in material):
        material = ""  # a lone sentence is the question, not what to answer it from
    if words.length(material) < SHORTEST_MATERIAL:
        material = ""  # a greeting
    found.sources[:0] = [Source(text) for text in (*held, material) if text.strip()]


def _sorted(prompt: str) -> tuple[list[str], list[str]]:
    """Return the sentences that ask, and the rest with its lines and tables as they were."""
    rows = {i for table in words.tables(prompt) for i in range(table.first, table.last + 1)}
    asked, told = list[str](), list[str]()
    for i, line in enumerate(prompt.splitlines()):
        if i in rows:
            told.append(line)
            continue
        for sentence in words.sentences(line):
            if _asks(sentence.text):
                question, given = _colon(sentence.text)
                asked.append(question)
                told += [given] if given else []
            else:
                told.append(sentence.text)
        told.append("")
    return asked, told


def _asks(sentence: str) -> bool:
    return bool(sentence.endswith(("?", "？", "؟")) or ASKS.match(sentence) or MANNER.match(sentence))


def _colon(sentence: str) -> tuple[str, str]:
    """Split "Translate this: the text" into the two; a list after the colon belongs to the question."""
    question, _, given = sentence.rpartition(": ")
    is_text = len(given.split()) - given.count(",") >= SHORTEST_TEXT and ASKS.match(question)
    return (f"{question}:", given) if is_text else (sentence, "")


def _places(call: Call) -> dict[int, int]:
    """Return the place among the documents (or among the search results) of each such block, by identity."""
    counts, places = {"document": 0, "search_result": 0}, {}
    for block in call.documents():
        places[id(block)] = counts[block["type"]]
        counts[block["type"]] += 1
    return places


def _sources(blocks: list[dict[str, Any]], places: dict[int, int], notes: list[str]) -> Iterator[Source]:
    for block in blocks:
        match block["type"]:
            case "document":
                yield _document(block, places[id(block)], notes)
            case "search_result":
                texts = tuple(inner["text"] for inner in block["content"])
                title, place = block["title"], places[id(block)]
                yield Source(" ".join(texts), "search_result", title, place, texts, cites(block))
            case "image":
                notes.append(_image(block["source"]))
            case "tool_result":
                yield Source(wording(block["content"]), "result")
                yield from _sources(block["content"], places, notes)


def _document(block: dict[str, Any], place: int, notes: list[str]) -> Source:
    source, title = block["source"], block.get("title")
    if source["type"] == "text":
        return Source(source["data"], "document", title, place, (), cites(block), source.get("file_id"))
    if source["type"] == "content":
        texts = tuple(inner["text"] for inner in source["content"] if inner["type"] == "text")
        return Source(" ".join(texts), "content", title, place, texts, cites(block))
    name = f"The document {title}" if title else "The document"
    notes.append(f"{name} is a PDF or a link, which the practice server does not read.")
    return Source("", "document", title, place)


def _image(source: dict[str, Any]) -> str:
    if source["type"] != "base64":
        return "The image is given by reference; the practice server does not fetch it."
    size, kind = sizes.size(media.raw(source)), source["media_type"].removeprefix("image/").upper()
    measured = f" of {size.width} by {size.height} pixels" if size else ""
    return f"The image is a {kind}{measured}; the practice server does not look at what it shows."


def wording(blocks: list[dict[str, Any]]) -> str:
    """Return the words of a turn's blocks, a line for each."""
    return "\n".join(block["text"] for block in blocks if block["type"] == "text")
