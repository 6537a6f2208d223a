"""How do a cell's text and a notebook's values become content blocks?

`{name}`, `{name.attr}`, `{name[0]}`, `{name["k"]}` and `{name:spec}` stand for values; nothing is evaluated
or called. The text is read once: a value's own braces mean nothing. What is not a variable, LaTeX and
f-strings stay as they are written; `{{name}}` is `{name}` itself.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.grammar.words import short
from claude_magic.prompts import citing, media, private
from claude_magic.prompts.references import ONE, SPAN, NotSent, almost, find, required
from claude_magic.prompts.values import Shown, is_drawing, is_frame, of_part, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


MOST_TOGETHER = 20  # files or pictures of one list or one pattern


class Rendered(NamedTuple):
    """A prompt ready to send.

    `blocks` are content blocks, of what is attached before those of the question; `text` has a word for each
    picture; `hints` say what was sent as it is written or not all of it; `used` names each value sent and
    what it is, `shown` has the same values as they are sent.
    """

    blocks: list[dict[str, Any]]
    text: str
    hints: list[str]
    used: dict[str, str]
    shown: Mapping[str, Shown] = MappingProxyType({})


def render(
    text: str,
    namespace: Mapping[str, Any],
    *,
    raw: bool = False,
    attach: Sequence[Any] = (),
    inputs: Sequence[str] = (),
    code: bool = False,
    citations: bool = False,
    tier: str | None = None,
) -> Rendered:
    """Return a prompt with its values: attachments, then the text, then the values of the names in `inputs`.

    An attachment is a path, which may have * and ?, a file's id, "{name}" or a value, or a list of values.
    `code` says that the service runs code, which can read any file; `citations` that what is attached is to
    be cited; `tier` is the model's for images. Raises InputError for a secret, or for what cannot be read.
    """
    made = _Prompt(namespace, code=code, citations=citations, tier=tier)
    for entry in attach:
        made.attach(entry)
    made.end()
    if raw:
        made.add(text)
    else:
        made.read(text)
    for name in inputs:
        made.required(name, f"-i {name}")
    return made.rendered()


class _Prompt:
    """A prompt in the making: pieces of text and blocks in order."""

    def __init__(
        self, namespace: Mapping[str, Any], *, code: bool, citations: bool, tier: str | None
    ) -> None:
        self.namespace, self.code, self.citations, self.tier = namespace, code, citations, tier
        self.pieces: list[str | dict[str, Any]] = []
        self.plain: list[str] = []
        self.shown: dict[str, Shown] = {}
        self.kept: dict[str, str] = {}

    def add(self, text: str) -> None:
        if text:
            self.pieces.append(text)
            self.plain.append(text)

    def read(self, text: str) -> None:
        at = 0
        for found in SPAN.finditer(text):
            self.literal(text[at : found.start()])
            at = found.end()
            if found["doubled"]:
                self.add(f"{{{found['doubled']}}}")
            elif found["kept"]:
                self.keep(found["kept"])
            else:
                self.insert(found["ref"], found[0], text[at : at + 1])
        self.literal(text[at:])

    def literal(self, text: str) -> None:
        """Add a text as it is; say so where it seems to name a variable."""
        self.add(text)
        self.kept |= almost(text, self.namespace)

    def keep(self, span: str) -> None:
        """Leave LaTeX or an f-string alone; say so where it names a variable."""
        self.add(span)
        for ref in ONE.findall(span):
            if ref.split(":")[0] in self.namespace:
                self.kept[f"{{{ref}}}"] = "inside LaTeX or an f-string"

    def insert(self, ref: str, written: str, following: str) -> None:
        try:
            parts = {ref: self.shown[ref]} if ref in self.shown else self.parts(ref)
        except NotSent as reason:
            self.kept[written] = str(reason)
            self.add(written)
            return
        for name, shown in parts.items():
            if name in self.shown and (shown.block or shown.apart or len(shown.text) > 2000):
                self.add(f"[{name}, given above]")
            else:
                self.place(name, shown, following)

    def place(self, name: str, shown: Shown, following: str = "", title: str = "") -> None:
        """Add a value, by its `title` where its name says more than a reader wants to tell."""
        self.shown[name], title = shown, title or name
        if shown.block:
            self.pieces.append(shown.block)
            self.plain.append(f"[{title}: {shown.what}]")
        elif shown.apart:
            before = "" if "".join(self.plain[-1:])[-1:] in ("", "\n") else "\n"
            after = "" if following == "\n" else "\n"
            self.add(f"{before}{tagged(title, shown)}{after}")
        else:
            self.add(shown.text)

    def parts(self, ref: str) -> dict[str, Shown]:
        """Return what a reference stands for, each of a list of pictures or files by itself.

        Raises NotSent, or InputError for a secret and for what cannot be shown.
        """
        value, spec = find(ref, self.namespace)
        if spec or not _are_apart(value):
            return {ref: self.value(value, ref, spec)}
        return {name: self.value(one, name) for n, one in enumerate(value) if (name := f"{ref}[{n}]")}

    def value(self, value: Any, name: str, spec: str = "") -> Shown:
        shown = (None if spec else self.from_file(value)) or show(value, name, spec)
        if shown is None:
            known = "; there are head 5, tail 5, csv and schema" if is_frame(value) else ""
            raise NotSent(f"{spec!r} does not suit a {type(value).__name__}{known}")
        return self.checked(shown, f"{{{name}}}")

    def checked(self, shown: Shown, name: str) -> Shown:
        """Return a value without a secret, a picture no larger than the model sees it."""
        private.check(name, shown.text)
        if shown.block is None:
            return shown
        block, what = media.fitted(shown.block, self.tier)
        return shown._replace(block=block, text=f"[{what}]", what=what) if what else shown

    def required(self, ref: str, typed: str, *, attached: bool = False) -> None:
        """Add the value of a name that was `typed` as -i or --attach."""
        self.gap()
        name = required(ref, typed, self.namespace)
        try:
            parts = self.file_of_frame(ref) if attached and self.code else {}
            parts = parts or ({ref: self.shown[ref]} if ref in self.shown else self.parts(ref))
        except NotSent as reason:
            raise InputError(
                f"{typed}: {reason}", hint=f"Look at {name} in a cell of its own, then correct {typed}."
            ) from None
        for one, shown in parts.items():
            self.place(one, self.cited(shown, one) if attached else shown)

    def file_of_frame(self, ref: str) -> dict[str, Shown]:
        """Return a frame as a file for code, {} for what is none or a part of one."""
        value, spec = find(ref, self.namespace)
        return {f"{ref}.csv": self.for_code(value, ref)} if is_frame(value) and not spec else {}

    def for_code(self, frame: Any, name: str) -> Shown:
        from claude_magic.prompts import framefiles

        part, partly = framefiles.part(frame, name)
        return of_part(part)._replace(partly=partly)

    def gap(self) -> None:
        """Leave a line free after a text."""
        if self.pieces and isinstance(self.pieces[-1], str):
            end = "".join(self.plain[-2:])[-2:]
            self.add("\n" * (2 - end.count("\n")) if end.endswith("\n") else "\n\n")

    def end(self) -> None:
        """End the block of what is attached, so that another question about it begins with the same ones."""
        if self.pieces and not str(self.pieces[-1]).strip():
            self.pieces.pop()  # the line between
        self.pieces.append({})

    def attach(self, entry: Any) -> None:
        """Add a file, the "{name}" of a value, or a value, and a line between it and what follows."""
        if isinstance(entry, str) and (named := ONE.fullmatch(entry)):
            self.required(named[1], f"--attach {entry}", attached=True)
        elif isinstance(entry, str | os.PathLike):
            for name in _matching(os.fspath(entry)):
                self.file(name)
        elif isinstance(entry, list | tuple):
            for one in entry:
                self.attach(one)
            return
        else:
            name = f"attachment {len(self.shown) + 1}"
            try:
                as_file = self.code and is_frame(entry)
                shown = self.for_code(entry, "data") if as_file else self.value(entry, name)
            except NotSent as reason:
                hint = "Attach a path, a picture, a frame or a text."
                raise InputError(f"This cannot be attached: {reason}", hint=hint) from None
            self.place(name, self.cited(shown, name), title="attachment")
        self.gap()

    def file(self, name: str) -> None:
        try:
            known = media.FILE_ID.fullmatch(name) and not os.path.exists(name)  # noqa: PTH110 # any text
            part = (media.from_id if known else media.from_path)(name, code=self.code)
        except InputError as error:
            if name in self.namespace and "no file" in error.message:
                error.hint = f"To attach the variable type --attach {{{name}}}"
            raise
        title = os.path.basename(name)  # noqa: PTH119 # where it lies is nobody's business
        self.place(name, self.cited(self.checked(of_part(part), name), title), title=title)

    def cited(self, shown: Shown, title: str) -> Shown:
        """Return what is attached as a document that can be cited, where it is to be."""
        if not self.citations:
            return shown
        block = citing.document(shown.block or {"type": "text", "text": shown.text}, title)
        return shown._replace(block=block, text=f"[{shown.what}]") if block else shown

    def from_file(self, value: Any) -> Shown | None:
        """Return how a path, or a file of the service, is sent; None for any other value."""
        if isinstance(value, os.PathLike):
            name = os.path.basename(value)  # noqa: PTH119
            return self.cited(of_part(media.from_path(value, code=self.code)), str(name))
        if isinstance(value, dict) and value.get("type") == "file" and "mime_type" in value:
            return of_part(media.from_id(str(value.get("id")), code=self.code))
        return None

    def rendered(self) -> Rendered:
        used = {name: shown.what for name, shown in self.shown.items()}
        return Rendered(list(_blocks(self.pieces)), "".join(self.plain), self.hints(), used, self.shown)

    def hints(self) -> list[str]:
        parts = {name: shown.what for name, shown in self.shown.items() if shown.partly}
        few = {name: shown.sample for name, shown in self.shown.items() if self.code and shown.sample}
        samples = [
            f"{{{name}}}: {sample} are in the question; {{{name}:csv}} sends all of them, "
            f"--attach {{{name}}} gives them to the code as a file"
            for name, sample in few.items()
            if f"{name}.csv" not in self.shown
        ]
        return [*_told("Not all is sent", parts), *_told("Sent as written", self.kept), *samples]


def _are_apart(value: Any) -> bool:
    """Return whether a value is a list of pictures or files, not too many."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST_TOGETHER:
        return False
    return all(isinstance(one, os.PathLike) or is_drawing(one) for one in value)


def _matching(name: str) -> list[str]:
    """Return the files that a name with * or ? fits, any other name alone; raises InputError."""
    import glob

    if name.startswith(("http://", "https://")):
        path = name.partition("?")[0].rstrip("/").rpartition("/")[2]
        raise InputError(
            f"{short(name)} is an address, not a file",
            hint=f"Download it first: !curl -sLO {short(name)}, then --attach {path}",
        )
    if not glob.has_magic(name) or os.path.exists(name):  # noqa: PTH110 # any text
        return [name]
    found = sorted(f for f in glob.glob(os.path.expanduser(name)) if os.path.isfile(f))  # noqa: PTH111, PTH113, PTH207
    if not 0 < len(found) <= MOST_TOGETHER:
        what = f"{len(found)} files fit {name}" if found else f"No file fits {name}"
        hint = f"At most {MOST_TOGETHER} go at once." if found else f"It is looked for from {os.getcwd()}"  # noqa: PTH109
        raise InputError(what, hint=hint)
    return found


def _told(what: str, cases: Mapping[str, str]) -> list[str]:
    if not cases:
        return []
    told = [f"{written} ({why})" for written, why in list(cases.items())[:3]]
    more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
    return [f"{what}: {', '.join(told)}{more}"]


def tagged(name: str, shown: Shown) -> str:
    """Return a value that wants lines of its own, between tags that say what it is."""
    name, text = name.replace('"', "'"), shown.text.removesuffix("\n")
    return f'<value of="{name}" type="{shown.what}">\n{text}\n</value>'


def _blocks(pieces: list[str | dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield blocks in order, text up to an empty one joined; the API refuses a text block of white space."""
    text = ""
    for piece in [*pieces, {}]:
        if isinstance(piece, str):
            text += piece
            continue
        if text.strip():
            yield {"type": "text", "text": text}
        text = ""
        if piece:
            yield piece
