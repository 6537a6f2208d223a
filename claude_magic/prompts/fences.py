"""Where in an answer is its code?

Models wrap code in prose and fences, but not always well: a fence may be unlabelled, indented, mislabelled,
open at the end or missing. Nothing is run or imported here; a text is at most parsed.
"""

from __future__ import annotations

import ast
import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = frozenset(
    "python python3 py py3 ipython ipython3 jupyter code-cell pycon python-repl doctest".split()  # noqa: SIM905
)
UNSAID = frozenset(["", "text", "txt", "plain", "plaintext", "none", "code", "console", "output"])
"""Labels that say nothing of the language."""
PARSED = 100_000  # characters of code up to which it is parsed (0.2 s)
_LABEL = re.compile(r"(?:\s*\[practice\]\s+)?")  # what the practice server says before all else

# https://spec.commonmark.org/0.31.2/#fenced-code-blocks, but also deeper in a list and at the end of a line
_OPEN = re.compile(
    r"(?P<indent>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)"
    r"(?:(?P<mark>`{3,})(?P<info>[^`]*)|(?P<wave>~{3,})(?P<more>.*))"
    r"|[^`]*[^`\s][ \t]+(?P<late>`{3,})(?P<word>[\w+#.-]+)[ \t]*"
)
_LANGUAGE = re.compile(r"[\w+#-]+")
_LINES = re.compile(r"\r\n|\r|\n")


class Fence(NamedTuple):
    """A block of code: its language in lower case, its text, and whether it has an end."""

    language: str
    text: str
    closed: bool = True


def fences(text: str) -> Iterator[Fence]:
    """Yield the fenced blocks of a text; one that is not closed goes on to the end."""
    for _, block in _parts(text):
        if block:
            yield block


def prose(text: str) -> str:
    """Return a text without its fenced blocks."""
    return "\n".join(line for line, block in _parts(text) if block is None).strip()


def code(text: str, *, cut: bool = False) -> Fence:
    """Return the code of a text: its Python if there is any, else what there is of the first language.

    Blocks of one language are joined, the prompts of a session and the margin of an indented block are left
    out, and characters that nobody would see are written as escapes. `cut` says that the text has no end.
    Empty where there is no code.
    """
    found = [block for block in fences(text) if block.text.strip()]
    chosen = (
        [b for b in found if b.language in PYTHON]
        or [b for b in found if is_python(b.text, sure=b.language not in UNSAID)]
        or [b for b in found if b.language == ""]
    )
    if chosen:
        return _joined("python", chosen)
    if found and found[0].language in ("markdown", "md") and (inner := code(found[0].text)).text:
        return inner
    if found:
        return _joined(found[0].language, [b for b in found if b.language == found[0].language])
    return _joined("python", list(_unfenced(text[len(_LABEL.match(text)[0]) :], cut=cut)))  # type: ignore[index] # it always matches


def is_python(text: str, *, sure: bool = False, cut: bool = False) -> bool:
    """Return whether a text is Python, or a cell of it; `sure` asks for what no other language looks like.

    A word or two of prose can be read as Python, so something must be done in it.
    """
    lines = _LINES.split(_bare(text))
    if re.match(r"%%\w", "\n".join(lines).lstrip()):
        return True
    if len(text) > PARSED:
        return False
    plain = [_without_magic(line) for line in lines]
    least = max(1, len(plain) - 40) if cut and len(text) < PARSED / 10 else len(plain)
    for end in range(len(plain), least - 1, -1):
        try:
            tree = ast.parse("\n".join(plain[:end]))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return any(_does_something(node, sure=sure) for node in tree.body)
    return False


def _parts(text: str) -> Iterator[tuple[str, Fence | None]]:
    """Yield the lines outside of blocks, and the blocks."""
    mark, language, margin = "", "", 0
    held: list[str] = []
    for line in _LINES.split(text):
        if mark:
            if _closes(line, mark, margin):
                yield "", Fence(language, "\n".join(held))
                mark = ""
            else:
                held.append(_shifted(line, margin))
        elif ("```" in line or "~~~" in line) and (opened := _OPEN.fullmatch(line)):
            mark = opened["mark"] or opened["wave"] or opened["late"]
            said = _LANGUAGE.search(opened["info"] or opened["more"] or opened["word"] or "")
            language, margin, held = said[0].lower() if said else "", len(opened["indent"] or ""), []
            if opened["late"]:
                yield line[: opened.start("late")], None
        else:
            yield line, None
    if mark:
        yield "", Fence(language, "\n".join(held), closed=False)


def _closes(line: str, mark: str, margin: int) -> bool:
    bare = line.strip()
    shallow = len(line) - len(line.lstrip()) <= margin + 3
    return shallow and bare.startswith(mark) and set(bare) == {mark[0]}


def _shifted(line: str, margin: int) -> str:
    """Return a line without the blanks that its fence is indented by."""
    blanks = len(line) - len(line.lstrip(" \t"))
    return line[min(blanks, margin) :]


def _joined(language: str, blocks: list[Fence]) -> Fence:
    texts = [_bare(block.text) for block in blocks]
    return Fence(language, _visible("\n\n".join(texts)), all(block.closed for block in blocks))


def _unfenced(text: str, *, cut: bool) -> Iterator[Fence]:
    """Yield the whole text where it is Python, else what is indented in it and is."""
    if is_python(text, cut=cut):
        yield Fence("python", text, closed=not cut)
        return
    held: list[str] = []
    for line in [*_LINES.split(text), "."]:
        if line.startswith(("    ", "\t")) or (held and not line.strip()):
            held.append(line)
        elif held:
            block, held = "\n".join(held), []
            if is_python(block):
                yield Fence("python", block)


_SESSION = re.compile(r"(?:>>>|\.\.\.)(?: |$)|In \[\d+\]: ?| +\.\.\.: ?")


def _bare(text: str) -> str:
    """Return code without blank lines around it, the margin it has in common, and a session's prompts."""
    text = text.strip("\r\n").rstrip()
    if text[:1] in (" ", "\t"):
        text = textwrap.dedent(text)
    if re.match(r">>>|In \[\d+\]:", text):
        prompts = [(line, _SESSION.match(line)) for line in _LINES.split(text)]
        text = "\n".join(line[found.end() :] for line, found in prompts if found)
    return text


def _without_magic(line: str) -> str:
    """Return a line with `pass` in the place of a magic, a shell command or a request for help."""
    indent, rest = re.match(r"(\s*)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr] # always matches
    if rest.startswith(("%", "!")) or re.fullmatch(r"[\w.]+\?{1,2}|\?{1,2}[\w.]+", rest):
        return f"{indent}pass"
    return re.sub(r"^([\w, ]+=\s*)[%!].*", r"\g<1>0", line)


_ACTS = (ast.Call, ast.Await, ast.Subscript, ast.Attribute)
_SURE = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While,
         ast.If, ast.With, ast.Try)  # fmt: skip


def _does_something(node: ast.stmt, *, sure: bool) -> bool:
    if sure:
        return isinstance(node, _SURE)
    if isinstance(node, ast.AnnAssign):
        return node.value is not None  # "Note: this" is one without
    return not isinstance(node, ast.Expr) or isinstance(node.value, _ACTS)


_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def _visible(text: str) -> str:
    r"""Return code with controls and marks of direction as escapes such as \x1b: the same, in a string.

    They could make code look like other code: https://trojansource.codes
    """
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
