"""Which type does a text such as `list[Person]` or `name: str, age: int` stand for?

It is written as in Python, but nothing is run: its words are names of the notebook, the types of a small
table, and labels in quotes.
"""

from __future__ import annotations

import ast
import builtins
import datetime
import decimal
import typing
import uuid
from collections.abc import Mapping
from typing import Any

from claude_magic.errors import InputError, nearest
from claude_magic.grammar.words import short
from claude_magic.schema import kinds

KNOWN: dict[str, Any] = {
    **{kind.__name__: kind for kind in (str, int, float, bool, list, dict, tuple, set)},
    **{name: getattr(typing, name) for name in ("Literal", "Optional", "Union", "Annotated")},
    **{kind.__name__: kind for kind in (datetime.date, datetime.datetime, datetime.timedelta)},
    "Decimal": decimal.Decimal,
    "UUID": uuid.UUID,
}
WRITE = "Write a name of the notebook, list[NAME], int, or fields: --schema 'name: str, age: int'."


def named(text: str, names: Mapping[str, Any]) -> Any:
    """Return the type, dict of fields or JSON schema that a text stands for; raises InputError."""
    text = text.strip().removeprefix("$")
    fields = _parsed(f"def _({text}): ...", "exec") if ":" in text or "," in text else None
    if fields is not None and (made := _fields(fields.body[0].args, names)):
        return made
    tree = _parsed(text, "eval")
    if tree is None:
        raise InputError(f"{short(text)!r} is not written as a type", hint=WRITE)
    found = _read(tree.body, names)
    if found is None or not (kinds.is_type(found) or isinstance(found, Mapping | list | tuple | set | str)):
        what = type(found).__name__
        raise InputError(f"{short(text)} is of the type {what}, and no type itself", hint=WRITE)
    return found


def _parsed(text: str, mode: str) -> Any:
    try:
        return ast.parse(text, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _fields(args: ast.arguments, names: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return fields written as parameters are; one without a type is a text."""
    plain = not (args.vararg or args.kwarg or args.kwonlyargs or args.posonlyargs or args.defaults)
    if not plain or not args.args:
        return None
    return {arg.arg: _read(arg.annotation, names) if arg.annotation else str for arg in args.args}


def _sliced(index: ast.expr, names: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields of `list[name: str, age: int]`, which Python reads as slices."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    made: dict[str, Any] = {}
    for one in parts:
        match one:
            case ast.Slice(lower=ast.Name(id=name), upper=ast.expr() as kind, step=None):
                made[name] = _read(kind, names)
            case ast.Name(id=name):
                made[name] = str
            case _:
                return None
    return made if any(isinstance(one, ast.Slice) for one in parts) else None


def _read(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=word):
            return _word(word, names)
        case ast.Constant(value=value):
            return value
        case ast.Attribute(value=inner, attr=name) if not name.startswith("_"):
            return _part(_read(inner, names), name)
        case ast.Subscript(value=inner, slice=index):
            fields = _sliced(index, names)
            return _subscript(node, _read(inner, names), fields or _read(index, names))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return typing.Union[_read(left, names), _read(right, names)]  # noqa: UP007 # of values
        case ast.Tuple(elts=items):
            return tuple(_read(item, names) for item in items)
        case ast.List(elts=items):
            return [_read(item, names) for item in items]
        case ast.Dict(keys=keys, values=values) if all(isinstance(key, ast.Constant) for key in keys):
            pairs = zip(keys, values, strict=True)
            return {key.value: _read(value, names) for key, value in pairs if isinstance(key, ast.Constant)}
    raise InputError(f"{short(ast.unparse(node))!r} cannot stand in a type", hint=WRITE)


def _word(word: str, names: Mapping[str, Any]) -> Any:
    if word in names:
        return names[word]
    if word in KNOWN:
        return KNOWN[word]
    if word in ("true", "false", "null"):  # a JSON schema
        return {"true": True, "false": False, "null": None}[word]
    if isinstance(getattr(builtins, word, None), type):
        raise InputError(f"{word} is Python's own, and no answer can be one", hint=WRITE)
    types = [name for name, value in names.items() if isinstance(value, type | dict)]
    near = nearest(word, [*types, *KNOWN])
    hint = f"Did you mean {near}?" if near else f"Define {word} in a cell first."
    raise InputError(f"There is no type {word}", hint=hint)


def _part(value: Any, name: str) -> Any:
    if not hasattr(value, name):
        raise InputError(
            f"{getattr(value, '__name__', value)} has no {name}", hint="Look at it in a cell of its own."
        )
    return getattr(value, name)


def _subscript(node: ast.expr, kind: Any, index: Any) -> Any:
    if kind is list and isinstance(index, Mapping):
        return [index]  # a table, by the fields of its rows
    try:
        return kind[index]
    except (TypeError, KeyError, IndexError) as error:
        raise InputError(f"{short(ast.unparse(node))} is no type: {error}", hint=WRITE) from None
