"""How does a reference such as `{name.attr[0]:spec}` find a value?

Nothing is evaluated or called. What a text holds is found by one pattern, read from left to right.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError
from claude_magic.prompts import private

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = r"(?:[^\W\d_]\w*|_{1,3}|_\d+|_claude)"
_STEP = r"""(?:\.[^\W\d_]\w*|\[(?:-?\d{1,9}|"[^"\n]{0,99}"|'[^'\n]{0,99}')\])"""
_REF = rf"{_NAME}{_STEP}*(?::(?!\s)[^{{}}\n]{{1,40}})?"
_BRACES = r"\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}"  # nested up to three deep

SPAN = re.compile(
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
ONE = re.compile(rf"\{{({_REF})\}}")
_ALMOST = re.compile(
    rf"(?<!\{{)\{{(?P<blank>[ \t]*)(?P<name>{_NAME})(?!\w)(?P<rest>[^{{}}\n]*)(?P<close>\}}?)(?!\}})"
)
_ENDS = re.compile(r"\.(head|tail)\((\d*)\)")
_FIRST = re.compile(r"\[:(\d+)\]")


class NotSent(Exception):  # noqa: N818 # a reason, not a failure
    """Why a reference stays as it is written."""


def find(ref: str, namespace: Mapping[str, Any]) -> tuple[Any, str]:
    """Return what a reference without braces names, and its spec; raises NotSent, InputError for a secret."""
    found = _PARTS.fullmatch(ref)
    if not found or found[1] not in namespace:
        raise NotSent(_unknown(ref, namespace))
    steps = _steps(ref)
    value = namespace[found[1]]
    for step in steps[1:]:
        value = _step(value, step, ref)
    for step in steps:
        if private.is_secret(step.strip(".[]\"'"), value):
            raise private.refusal(f"{{{ref}}}", "is named like a secret")
    if len(steps) > 1 and callable(value) and not isinstance(value, type):
        raise NotSent("a function; nothing is called")
    return value, found[3] or ""


def lookup(word: str, namespace: Mapping[str, Any]) -> Any:
    """Return the value that a word like "{f.id}" stands for, any other word as it is; raises InputError."""
    found = ONE.fullmatch(word)
    if not found or ":" in found[1]:
        return word
    name = required(found[1], word, namespace)
    value = namespace[name]
    for step in _steps(found[1])[1:]:
        try:
            value = _step(value, step, found[1])
        except NotSent as reason:
            raise InputError(f"{word}: {reason}", hint=f"Look at {name} in a cell of its own.") from None
    return value


def required(ref: str, typed: str, namespace: Mapping[str, Any]) -> str:
    """Return the name that a reference begins with; raises InputError, which names the nearest there is."""
    name = re.split(r"[.\[:]", ref)[0]
    if name not in namespace:
        near = _nearest(name, namespace)
        hint = (
            f"Did you mean {near.join(typed.rsplit(name, 1))}?" if near else f"Assign {name} in a cell first."
        )
        raise InputError(f"{typed}: no such variable", hint=hint)
    return name


def almost(text: str, namespace: Mapping[str, Any]) -> dict[str, str]:
    """Return what looks like a variable's reference in a text without any, and why it is none."""
    found = {}
    for one in _ALMOST.finditer(text):
        written, name, rest = one[0], one["name"], one["rest"]
        if name not in namespace or (one["blank"] and rest.strip()) or re.match(r"\s*[:,;]|\s+\w", rest):
            continue  # code, JSON or a set in mathematics
        if not one["close"]:
            if rest.strip() or "}" in text[one.end() :]:
                continue
            why = f"no closing brace; write {{{name}}}"
        elif not rest.strip():
            why = f"write {{{name}}}, without spaces"
        else:
            why = _calls(name, rest)
        found[written] = why
    return found


def _calls(name: str, rest: str) -> str:
    if ends := _ENDS.fullmatch(rest):
        return f"nothing is called; write {{{name}:{ends[1]} {ends[2] or 5}}}"
    if first := _FIRST.fullmatch(rest):
        return f"nothing is sliced; write {{{name}:head {first[1]}}} of a frame, else name it in a cell"
    if rest in ("!r", "!s", "!a"):
        return f"write {{{name}}}"
    return "nothing is evaluated; give it a name in a cell, and write that"


def _unknown(ref: str, namespace: Mapping[str, Any]) -> str:
    near = _nearest(re.split(r"[.\[:]", ref)[0], namespace)
    return f"no such variable; did you mean {{{near}}}?" if near else "no such variable"


def _nearest(name: str, namespace: Mapping[str, Any]) -> str:
    import difflib

    names = [n for n in namespace if isinstance(n, str) and not n.startswith("_")]
    return "".join(difflib.get_close_matches(name, names, n=1, cutoff=0.75))


def _steps(ref: str) -> list[str]:
    """Return the name of a reference, and each step from it: ["f", ".id"]."""
    found = _PARTS.fullmatch(ref)
    return [found[1], *_STEPS.findall(found[2])] if found else [ref]


def _step(value: Any, step: str, ref: str) -> Any:
    """Follow one `.attr` or `[key]`; raises NotSent when there is none."""
    try:
        if step.startswith("."):
            found = getattr(value, step[1:])
        else:
            key = step[1:-1]
            found = value[key[1:-1] if key[:1] in "\"'" else int(key)]
    except Exception:  # a property or __getitem__ of the reader's may raise anything
        raise NotSent(f"no {step} in it{_keys(value, step)}") from None
    if private.is_environment(value) or private.is_environment(found):
        raise private.refusal(f"{{{ref}}}", "is of the environment")
    return found


def _keys(value: Any, step: str) -> str:
    """Return what there is instead of a key, of what has keys of text: a frame or a dict."""
    import difflib

    try:
        names = [key for key in value.keys() if isinstance(key, str)] if step[1:2] in ("'", '"') else []  # noqa: SIM118 # a frame's are no iterator's
    except Exception:  # any value, whose keys may be anything
        names = []
    near = difflib.get_close_matches(step[2:-2], names, n=1)
    if near:
        return f"; did you mean [{near[0]!r}]?"
    more = ", …" if len(names) > 6 else ""
    return f"; there are {', '.join(names[:6])}{more}" if names else ""
