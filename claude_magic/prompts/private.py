"""What of a notebook must never be sent?

Keys, values named like secrets, and the environment; nor, in a repr, an address of this computer's memory.
"""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_SHAPE = re.compile(r"sk-ant-[A-Za-z0-9_-]{16,}")
"""What a key of the Claude API looks like."""

SHAPES = re.compile(
    rf"{KEY_SHAPE.pattern}|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
    r"|(?<![A-Za-z0-9])(?:sk-(?:proj-)?[A-Za-z0-9]{32}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22}"
    r"|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|xox[abprs]-[\w-]{10})"
)
_PEM = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_WHOLE = re.compile(rf"(?:{SHAPES.pattern})[\w-]*")
_PASS = re.compile(r"([?&]([\w.-]+)=)[^\s&#\"'`<>(){}\[\]\\]+")
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]{5,}(?=[^<>\n]{0,200}>)")
REMOVED = "[removed: a secret]"
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_ALWAYS = {"password", "passwd", "passphrase", "pwd", "secret", "secrets", "credential", "credentials"}
_PAIRS = {(a, b) for a in ("api", "access", "auth", "private") for b in ("key", "keys", "token", "tokens")}
_HARMLESS = (bool, int, float, complex, type(None))
_LONG_ENOUGH = 12  # characters from which a secret of the environment is told from a common word


def secret_name(name: str) -> bool:
    """Return whether a name is surely a secret's, such as `dbPassword` or `API_KEY`."""
    parts = _parts(name)
    return (
        not _ALWAYS.isdisjoint(parts)
        or "apikey" in parts
        or any(pair in _PAIRS for pair in itertools.pairwise(parts))
    )


def is_secret(name: str, value: Any) -> bool:
    """Return whether a value is kept back for its name: a text for `token` or `key`; never a number."""
    if isinstance(value, _HARMLESS):
        return False
    return secret_name(name) or (isinstance(value, str | bytes) and _parts(name)[-1:] in (["key"], ["token"]))


def _parts(name: str) -> list[str]:
    return [part.lower() for part in _PARTS.findall(name)]


def is_environment(value: Any) -> bool:
    """Return whether a value is the environment or most of a copy of it."""
    if value is os.environ or not isinstance(value, dict) or len(os.environ) < 5:
        return value is os.environ
    same = sum(isinstance(value.get(name), str) and value[name] == text for name, text in os.environ.items())
    return bool(2 * same > len(os.environ))


def check(what: str, text: str) -> str:
    """Return a text that is about to be sent; raises InputError when it holds a key or a secret."""
    if found := SHAPES.search(text):
        remove = f"Remove the key in {_line(text, found.start())} of {what}, and keep the rest."
        raise refusal(what, "holds something shaped like a key", remove)
    for name, value in _secrets_in(text):
        remove = f"Remove the value of {name} in {_line(text, text.find(value))} of {what}."
        raise refusal(what, f"holds the value of the environment variable {name}", remove)
    return text


def without_secrets(text: str) -> str:
    """Return a text with a word for each key and secret that `check` would find, and those of addresses."""
    text = without_passes(without_keys(text))
    for _, value in _secrets_in(text):
        text = text.replace(value, REMOVED)
    return text


def without_keys(text: str) -> str:
    """Return a text with a word in the place of whatever is shaped like a key."""
    return _WHOLE.sub(REMOVED, _PEM.sub(REMOVED, text))


def without_passes(text: str) -> str:
    """Return a text with a word in the place of what lets in by a web address, such as x of ?api_key=x."""
    return _PASS.sub(lambda found: found[1] + REMOVED if _lets_in(found[2]) else found[0], text)


def _lets_in(name: str) -> bool:
    return secret_name(name) or name.lower() in ("key", "token")


def without_addresses(text: str) -> str:
    """Return a text of reprs without where in memory their objects lie, which changes with every run."""
    return _ADDRESS.sub("", text)


def _secrets_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield the environment's secrets that are in a text: name and value."""
    for name, value in os.environ.items():
        if (
            len(value) >= _LONG_ENOUGH
            and is_secret(name, value)
            and value in text
            and not _place(name, value)
        ):
            yield name, value


def _place(name: str, value: str) -> bool:
    """Return whether an environment's value is a directory or file: where something lies is no secret."""
    return name in ("PWD", "OLDPWD") or (os.path.isabs(value) and os.path.exists(value))  # noqa: PTH110, PTH117 # a Path refuses odd texts


def _line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1:,}"


def refusal(what: str, why: str, hint: str = "") -> InputError:
    """Return the error for a value that is not sent; it never repeats the value."""
    return InputError(
        f"{what} {why}, so nothing was sent",
        hint=hint
        or "Put only what Claude needs into a variable with a plain name, or double the {{braces}}.",
    )
