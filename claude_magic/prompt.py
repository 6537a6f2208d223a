"""How do a cell's text and a notebook's values become content blocks?

`{name}`, `{name.attr}`, `{name[0]}`, `{name["k"]}` and `{name:spec}` stand for values; nothing is evaluated
or called. The text is read once: a value's own braces mean nothing. What is not a variable, LaTeX and
f-strings stay as they are written; `{{name}}` is `{name}` itself.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import media, private
from claude_magic.errors import InputError
from claude_magic.values import Shown, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Rendered(NamedTuple):
    """A prompt ready to send.

    `blocks` are content blocks, one of text when there is only text; `text` has a word for each picture;
    `hints` say what was sent as it is written or not all of it; `used` names each value sent and what it is.
    """

    blocks: list[dict[str, Any]]
    text: str
    hints: list[str]
    used: dict[str, str]


def render(
    text: str,
    namespace: Mapping[str, Any],
    *,
    raw: bool = False,
    attach: Sequence[Any] = (),
    inputs: Sequence[str] = (),
    code: bool = False,
) -> Rendered:
    """Return a prompt with its values: attachments, then the text, then the values of the names in `inputs`.

    An attachment is a path, a file's id, "{name}" or a value. `code` says that the service runs code, which
    can read any file. Raises InputError for a secret, or for what cannot be read.
    """
    made = _Prompt(namespace, code=code)
    for entry in attach:
        made.attach(entry)
    if raw:
        made.add(text)
    else:
        made.read(text)
    for name in inputs:
        made.follow(name)
    return made.rendered()


def lookup(word: str, namespace: Mapping[str, Any]) -> Any:
    """Return the value that a word like "{f.id}" stands for, any other word as it is; raises InputError."""
    found = _ONE.fullmatch(word)
    if not found or ":" in found[1]:
        return word
    name, *steps = _steps(found[1])
    if name not in namespace:
        raise InputError(f"{word}: no such variable", hint=f"Assign {name} in a cell first.")
    value = namespace[name]
    for step in steps:
        try:
            value = _step(value, step, found[1])
        except _NotSent as reason:
            raise InputError(f"{word}: {reason}", hint=f"Look at {name} in a cell of its own.") from None
    return value


# -- what a text holds: one pattern, read from left to right ----------------------------------------------

_NAME = r"(?:[^\W\d_]\w*|_{1,3}|_\d+|_claude)"
_STEP = r"""(?:\.[^\W\d_]\w*|\[(?:-?\d{1,9}|"[^"\n]{0,99}"|'[^'\n]{0,99}')\])"""
_REF = rf"{_NAME}{_STEP}*(?::(?!\s)[^{{}}\n]{{1,40}})?"
_BRACES = r"\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}"  # nested up to three deep

_SPAN = re.compile(
    rf"""
    (?P<kept>
        \$\$[^$]+\$\$ | \$(?![\s{{])[^$\n]*[^\s$]\$(?!\d) | \\\(.*?\\\) | \\\[.*?\\\]   # mathematics
      | \\[A-Za-z]+\*?(?:[_^]?{_BRACES}|\[[^\]\n]*\])+ | \^{_BRACES}                 # LaTeX
      | (?<!\w)(?:[fF][rR]?|[rR][fF])(?P<q>\"\"\"|'''|\"|')(?:\\.|(?!(?P=q))[^\n])*(?P=q)    # an f-string
    )
  | \{{\{{(?P<doubled>{_REF})\}}\}}
  | (?<!\{{)\{{(?P<ref>{_REF})\}}
    """,
    re.VERBOSE,
)
_PARTS = re.compile(rf"({_NAME})((?:{_STEP})*)(?::(.*))?", re.DOTALL)
_STEPS = re.compile(_STEP)
_ONE = re.compile(rf"\{{({_REF})\}}")


class _NotSent(Exception):  # noqa: N818 # a reason, not a failure
    """Why a reference stays as it is written."""


class _Prompt:
    """A prompt in the making: pieces of text and blocks in order."""

    def __init__(self, namespace: Mapping[str, Any], *, code: bool) -> None:
        self.namespace, self.code = namespace, code
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
        for found in _SPAN.finditer(text):
            self.add(text[at : found.start()])
            at = found.end()
            if found["doubled"]:
                self.add(f"{{{found['doubled']}}}")
            elif found["kept"]:
                self.keep(found["kept"])
            else:
                self.insert(found["ref"], found[0], text[at : at + 1])
        self.add(text[at:])

    def keep(self, span: str) -> None:
        """Leave LaTeX or an f-string alone; say so where it names a variable."""
        self.add(span)
        for ref in _ONE.findall(span):
            if ref.split(":")[0] in self.namespace:
                self.kept[f"{{{ref}}}"] = "inside LaTeX or an f-string"

    def insert(self, ref: str, written: str, following: str) -> None:
        try:
            again = ref in self.shown
            shown = self.shown.get(ref) or self.value(ref)
        except _NotSent as reason:
            self.kept[written] = str(reason)
            self.add(written)
            return
        self.shown[ref] = shown
        if again and (shown.block or shown.apart or len(shown.text) > 2000):
            self.add(f"[{ref}, given above]")
        else:
            self.place(ref, shown, following)

    def place(self, name: str, shown: Shown, following: str = "") -> None:
        if shown.block:
            self.pieces.append(shown.block)
            self.plain.append(f"[{name}: {shown.what}]")
        elif shown.apart:
            before = "" if "".join(self.plain[-1:])[-1:] in ("", "\n") else "\n"
            after = "" if following == "\n" else "\n"
            self.add(f"{before}{_tagged(name, shown)}{after}")
        else:
            self.add(shown.text)

    def value(self, ref: str) -> Shown:
        """Return what a reference stands for; raises _NotSent, or InputError for a secret."""
        found = _PARTS.fullmatch(ref)
        if not found or found[1] not in self.namespace:
            raise _NotSent(self.unknown(ref))
        steps = _steps(ref)
        value = self.namespace[found[1]]
        for step in steps[1:]:
            value = _step(value, step, ref)
        for step in steps:
            if private.is_secret(step.strip(".[]\"'"), value):
                raise private.refusal(f"{{{ref}}}", "is named like a secret")
        if len(steps) > 1 and callable(value) and not isinstance(value, type):
            raise _NotSent("a function; nothing is called")
        spec = found[3] or ""
        shown = (None if spec else self.from_file(value)) or show(value, ref, spec)
        if shown is None:
            raise _NotSent(f"{found[3]!r} does not suit a {type(value).__name__}")
        private.check(f"{{{ref}}}", shown.text)
        return shown

    def unknown(self, ref: str) -> str:
        near = self.nearest(_first(ref))
        return f"no such variable; did you mean {{{near}}}?" if near else "no such variable"

    def nearest(self, name: str) -> str:
        import difflib

        names = [n for n in self.namespace if isinstance(n, str) and not n.startswith("_")]
        return "".join(difflib.get_close_matches(name, names, n=1, cutoff=0.75))

    def follow(self, name: str) -> None:
        """Add the value of `-i name` after the text."""
        self.required(name, f"-i {name}")

    def required(self, ref: str, typed: str) -> None:
        self.gap()
        name = _first(ref)
        if name not in self.namespace:
            near = self.nearest(name)
            hint = (
                f"Did you mean {near.join(typed.rsplit(name, 1))}?"
                if near
                else f"Assign {name} in a cell first."
            )
            raise InputError(f"{typed}: no such variable", hint=hint)
        try:
            shown = self.shown[ref] = self.shown.get(ref) or self.value(ref)
        except _NotSent as reason:
            raise InputError(
                f"{typed}: {reason}", hint=f"Look at {name} in a cell of its own, then correct {typed}."
            ) from None
        self.place(ref, shown)

    def gap(self) -> None:
        """Leave a line free after a text."""
        if self.pieces and isinstance(self.pieces[-1], str):
            end = "".join(self.plain[-2:])[-2:]
            self.add("\n" * (2 - end.count("\n")) if end.endswith("\n") else "\n\n")

    def attach(self, entry: Any) -> None:
        """Add a file, the "{name}" of a value, or a value, and a line between it and what follows."""
        if isinstance(entry, str) and (named := _ONE.fullmatch(entry)):
            self.required(named[1], f"--attach {entry}")
        elif isinstance(entry, str | os.PathLike):
            self.file(entry)
        else:
            shown = self.from_file(entry) or show(entry, "attachment")
            if not shown:
                raise InputError(
                    "This cannot be attached", hint="Attach a path, a picture, a frame or a text."
                )
            private.check("An attachment", shown.text)
            self.shown[f"attachment {len(self.shown) + 1}"] = shown
            self.place("attachment", shown)
        self.gap()

    def file(self, entry: str | os.PathLike[str]) -> None:
        name = os.fspath(entry)
        try:
            known = media.FILE_ID.fullmatch(name) and not os.path.exists(name)  # noqa: PTH110 # any text
            part = (media.from_id if known else media.from_path)(name, code=self.code)
        except InputError as error:
            if name in self.namespace and "no file" in error.message:
                error.hint = f"To attach the variable type --attach {{{name}}}"
            raise
        shown = _of_part(part)
        private.check(name, shown.text)
        self.shown[name] = shown
        self.place(os.path.basename(name), shown)  # noqa: PTH119 # where it lies is nobody's business

    def from_file(self, value: Any) -> Shown | None:
        """Return how a path, or a file of the service, is sent; None for any other value."""
        if isinstance(value, os.PathLike):
            return _of_part(media.from_path(value, code=self.code))
        if isinstance(value, dict) and value.get("type") == "file" and "mime_type" in value:
            return _of_part(media.from_id(str(value.get("id")), code=self.code))
        return None

    def rendered(self) -> Rendered:
        used = {name: shown.what for name, shown in self.shown.items()}
        return Rendered(list(_blocks(self.pieces)), "".join(self.plain), self.hints(), used)

    def hints(self) -> list[str]:
        parts = {name: shown.what for name, shown in self.shown.items() if shown.partly}
        return [*_told("Not all is sent", parts), *_told("Sent as written", self.kept)]


def _of_part(part: media.Part) -> Shown:
    if part.block["type"] == "text":
        return Shown(part.block["text"], part.what, apart=True)
    return Shown(f"[{part.what}]", part.what, block=part.block)


def _steps(ref: str) -> list[str]:
    """Return the name of a reference, and each step from it: ["f", ".id"]."""
    found = _PARTS.fullmatch(ref)
    return [found[1], *_STEPS.findall(found[2])] if found else [ref]


def _told(what: str, cases: Mapping[str, str]) -> list[str]:
    if not cases:
        return []
    told = [f"{written} ({why})" for written, why in list(cases.items())[:3]]
    more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
    return [f"{what}: {', '.join(told)}{more}"]


def _first(ref: str) -> str:
    return re.split(r"[.\[:]", ref)[0]


def _tagged(name: str, shown: Shown) -> str:
    name, text = name.replace('"', "'"), shown.text.removesuffix("\n")
    return f'<value of="{name}" type="{shown.what}">\n{text}\n</value>'


def _step(value: Any, step: str, ref: str) -> Any:
    """Follow one `.attr` or `[key]`; raises _NotSent when there is none."""
    try:
        if step.startswith("."):
            found = getattr(value, step[1:])
        else:
            key = step[1:-1]
            found = value[key[1:-1] if key[:1] in "\"'" else int(key)]
    except Exception:  # a property or __getitem__ of the reader's may raise anything
        raise _NotSent(f"no {step} in it") from None
    if private.is_environment(value) or private.is_environment(found):
        raise private.refusal(f"{{{ref}}}", "is of the environment")
    return found


def _blocks(pieces: list[str | dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield blocks in order, text joined; the API refuses a text block of white space."""
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
