"""How is a call answered from what is kept: make, list, change, archive, delete?

Every row of the endpoint table without an answer of its own comes here; a rule says what else some do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.app import Response
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.stored.objects import KEPT, SHAPES, check, shaped
from claude_magic.practice.stored.shelves import Asked, put_or_refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.practice import Exchange, Practice

    Rule = Callable[[Asked], Any]

NULLS = ("amount", "content")
"""What is needed, but may be null."""
POOLS = ("files", "skills")
"""Rooms with rate limits of their own."""
NOT_TOLD = "the practice server keeps no such data of the organization"


def answer(practice: Practice, exchange: Exchange, rule: Rule | None = None) -> Response:
    """Answer a call from what is kept, by a rule or by its verb; raises Refusal."""
    if not exchange.row.admin:
        first = exchange.row.name.partition(".")[0]
        practice.pool(exchange, first if first in POOLS else "other").admit(exchange.now)
    asked = Asked(practice, exchange, _body(exchange))
    asked.parents()
    verb = exchange.row.name.rpartition(".")[2]
    if asked.space not in KEPT and verb != "list":
        if not rule and exchange.row.answer not in SHAPES:
            raise Refusal(404, f"Not Found: {NOT_TOLD}")
        verb = ""
    asked.store.settle()
    try:
        made = (rule or VERBS.get(verb, _told))(asked)
    except Refusal:
        asked.store.undo()  # what is refused leaves nothing behind
        raise
    return made if isinstance(made, Response) else practice.json(made)


def _body(exchange: Exchange) -> dict[str, Any]:
    """Return the body, checked by the row, as is the query; raises Refusal."""
    row, params = exchange.row, exchange.row.params
    for param in params.values():
        given = exchange.many(param.name) if param.query else []
        if param.query and param.needed and not given:
            refuse(param.name, "Field required")
        if given and "|" in param.type:
            check(param.type, param.many, given if param.many else given[-1], param.name)
    if row.method != "POST" or row.kind == "multipart":
        return {}
    body = exchange.body()
    if any(param.whole for param in params.values()):
        return body
    inner = {f.name for f in SHAPES.get(_shape(exchange), ()) if shaped(f.kind)}
    for name, value in body.items():
        if name not in params or params[name].query:
            refuse(name, "Extra inputs are not permitted")
        if value is not None and name not in inner:
            kind = params[name].type
            check("any" if params[name].many else kind, params[name].many, value, name)
    for param in params.values():
        said = body.get(param.name) is not None or (param.name in body and param.name in NULLS)
        if param.needed and not param.query and not said:
            refuse(param.name, "Field required")
    return body


def _shape(exchange: Exchange) -> str:
    space = exchange.row.name.rpartition(".")[0]
    return KEPT[space].shape if space in KEPT else exchange.row.answer


def _create(asked: Asked) -> dict[str, Any]:
    return asked.answer(put_or_refuse(asked))


def _set(asked: Asked) -> dict[str, Any]:
    found = asked.found()
    item = found[0] if found else asked.put(asked.space, asked.body, dict(asked.names))
    return asked.change(item, asked.body) if found else item.value


def _list(asked: Asked) -> dict[str, Any]:
    if asked.space not in KEPT:
        return asked.paged([])
    return asked.listed(asked.found())


def _told(asked: Asked) -> dict[str, Any]:
    """Return the object that a call names, or what the table has for a call that names none."""
    if asked.space in KEPT and (asked.names or KEPT[asked.space].prefix == "="):
        return asked.answer(asked.own())
    return asked.maker.make(asked.exchange.row.answer, {**asked.names, **asked.body})


def _update(asked: Asked) -> dict[str, Any]:
    item = asked.own()
    asked.change(item, asked.body)
    return asked.answer(item)


def _archive(asked: Asked) -> dict[str, Any]:
    value = asked.own().value
    if not value["archived_at"]:
        value["archived_at"] = asked.maker.now
        if "updated_at" in value:
            value["updated_at"] = asked.maker.now
    return value


def _delete(asked: Asked) -> dict[str, Any]:
    item = asked.own()
    told = asked.answer(item)
    asked.remove(item)
    return told


VERBS: dict[str, Rule] = {
    **dict.fromkeys(("create", "add"), _create),
    **dict.fromkeys(("delete", "remove"), _delete),
    "archive": _archive,
    "list": _list,
    "set": _set,
    "update": _update,
}
