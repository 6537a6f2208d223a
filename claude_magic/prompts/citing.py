"""Which passages does an answer rest on, and how are they numbered?

https://docs.claude.com/en/docs/build-with-claude/citations: citations are on for all documents of a request
or for none, and never together with an answer in JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Block = dict[str, Any]

ON = {"enabled": True}
CITED = ("document", "search_result")
MOST_QUOTED = 300  # characters of a passage in a note
GAP = "\n\n"  # between texts that something else stood between, as in `answer.said`
DIGITS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
BETWEEN = "\u202f"  # a narrow space between two numbers


class Note(NamedTuple):
    """One passage: its `number`, the document's `title`, `where` in it, and the `text` itself."""

    number: int
    title: str
    where: str
    text: str
    url: str = ""

    @property
    def mark(self) -> str:
        """The number as it stands in the answer."""
        return str(self.number).translate(DIGITS)

    def __str__(self) -> str:
        about = ", ".join(part for part in (self.title, self.where) if part)
        return printable(f"{self.mark} {about}: “{self.text}”" if about else f"{self.mark} “{self.text}”")


class Notes:
    """The passages of an answer, numbered as they are first cited."""

    def __init__(self) -> None:
        self._known: dict[str, Note] = {}

    def __iter__(self) -> Any:
        return iter(self._known.values())

    def __bool__(self) -> bool:
        return bool(self._known)

    def marks(self, citations: Iterable[Any]) -> str:
        """Return the numbers of citations, in superscript, new ones after those that are known."""
        found: dict[str, None] = {}
        for citation in citations:
            if isinstance(citation, dict):
                note = _note(len(self._known) + 1, citation)
                key = "\0".join((note.title, note.where, note.url, str(citation.get("cited_text", ""))))
                found[self._known.setdefault(key, note).mark] = None
        return BETWEEN.join(found)


def noted(content: Iterable[Any]) -> tuple[str, list[Note]]:
    """Return the text of content blocks with numbers behind what is cited, and the notes."""
    notes, text, gap = Notes(), "", False
    for block in content:
        piece = block.get("text") if isinstance(block, dict) and block.get("type") == "text" else None
        if isinstance(piece, str):
            marks = notes.marks(block.get("citations") or ())
            text, gap = text + GAP * gap + marked(piece, marks), False
        else:
            gap = bool(text)
    return text, list(notes)


def numbered(answer: Any, text: str, format: str) -> tuple[str, list[Note]]:
    """Return an Answer's text with numbers and their notes; without, where it is shown in another form."""
    if not answer.citations or format not in ("markdown", "text") or text != str(answer):
        return text, []
    return noted(block for step in answer.steps for block in (*(step.get("content") or ()), None))


def marked(text: str, marks: str) -> str:
    """Return a text with marks behind its last word; behind a fence of code, on a line of their own."""
    if not marks:
        return text
    words = text.rstrip()
    fence = words.rsplit("\n", 1)[-1].strip().startswith(("```", "~~~"))
    return f"{words}{GAP if fence else ''}{marks}{text[len(words) :]}"


def document(block: Block, title: str) -> Block | None:
    """Return a text or a document as a document whose passages are cited, or None for anything else."""
    if block.get("type") == "document":
        return {**block, "citations": ON}
    if block.get("type") != "text":
        return None
    source = {"type": "text", "media_type": "text/plain", "data": block["text"]}
    return {"type": "document", "source": source, "title": title, "citations": ON}


def enable(body: dict[str, Any], wanted: bool | None) -> dict[str, Any]:
    """Return a body with citations on all its documents, where they are wanted or on for one already.

    Raises InputError where there is nothing to cite, or where the answer is to be JSON.
    """
    found = [block for message in body["messages"] for block in _cited(message.get("content"))]
    if wanted and not found:
        hint = "Attach one: --attach report.pdf --citations, or ask without --citations."
        raise InputError("There is no document to cite", hint=hint)
    if not found or not (wanted or any((block.get("citations") or {}).get("enabled") for block in found)):
        return body
    if (body.get("output_config") or {}).get("format"):
        hint = "Ask without --citations, or for text; in a conversation with such documents, with --new."
        raise InputError("Passages cannot be cited in an answer in JSON", hint=hint)
    return {**body, "messages": [{**m, "content": _enabled(m.get("content"))} for m in body["messages"]]}


def _cited(content: Any) -> list[Mapping[str, Any]]:
    """Return the documents among content blocks, those in results of tools too."""
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    inner = [
        one for block in blocks if block.get("type") == "tool_result" for one in _cited(block.get("content"))
    ]
    return [*(block for block in blocks if block.get("type") in CITED), *inner]


def _enabled(content: Any) -> Any:
    return [_on(block) for block in content] if isinstance(content, list) else content


def _on(block: Any) -> Any:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "tool_result":
        return {**block, "content": _enabled(block.get("content"))} if "content" in block else block
    return {**block, "citations": ON} if kind in CITED else block


def _note(number: int, citation: Mapping[str, Any]) -> Note:
    title = citation.get("document_title") or citation.get("title") or citation.get("source")
    if not title and isinstance(place := citation.get("document_index"), int):
        title = f"document {place + 1}"
    quoted = " ".join(str(citation.get("cited_text") or "").split())
    text = quoted if len(quoted) <= MOST_QUOTED else f"{quoted[:MOST_QUOTED].rstrip()} …"
    url = citation.get("url")
    return Note(number, str(title or url or ""), _where(citation), text, url if isinstance(url, str) else "")


_PLACES: Sequence[tuple[str, str, int, int]] = (
    # what is counted, the name, what is added to show the first and the last: ends are exclusive
    ("page_number", "page", 0, -1),
    ("char_index", "character", 1, 0),
    ("block_index", "part", 1, 0),
)


def _where(citation: Mapping[str, Any]) -> str:
    for field, name, first, last in _PLACES:
        start, end = citation.get(f"start_{field}"), citation.get(f"end_{field}")
        if isinstance(start, int) and isinstance(end, int):
            start, end = start + first, end + last
            return f"{name} {start:,}" if end <= start else f"{name}s {start:,}–{end:,}"
    return ""
