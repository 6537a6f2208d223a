"""How is a call answered that needs no rule of its own: make, list, change, archive, delete?

Every row of the endpoint table without an answer of its own comes here; `RULES` has what else some do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.app import Response
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.stored import administration, errands, memories, plugins, sessions
from claude_magic.practice.stored.objects import KEPT, SHAPES, check, shaped
from claude_magic.practice.stored.shelves import Asked, put_or_refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.practice import Exchange, Practice

    Rule = Callable[[Asked], Any]

EITHER = {"agent-memory-2026-07-22": "managed-agents-2026-04-01"}
"""A beta that another may stand for; both together are refused."""
NULLS = ("amount", "content")
"""What is needed, but may be null."""
NOT_TOLD = "the practice server keeps no such data of the organization"


def answer(practice: Practice, exchange: Exchange) -> Response:
    """Answer a call from what is stored; raises Refusal."""
    if not exchange.row.admin:
        practice.pool(exchange, "other").admit(exchange.now)
    _betas(exchange)
    asked = Asked(practice, exchange, _body(exchange))
    if exchange.row.name.startswith("dreams."):
        errands.settle(asked)
    asked.parents()
    verb = exchange.row.name.rpartition(".")[2]
    rule = RULES.get(exchange.row.name, VERBS.get(verb, _told))
    if asked.space not in KEPT and exchange.row.name not in RULES and verb != "list":
        raise Refusal(404, f"Not Found: {NOT_TOLD}")
    before = {shape: [*items] for shape, items in asked.store.items.items()}
    try:
        made = rule(asked)
    except Refusal:
        asked.store.items = before  # what is refused leaves nothing behind
        raise
    return made if isinstance(made, Response) else practice.json(made)


def _betas(exchange: Exchange) -> None:
    """Refuse a call of the beta part that does not name its beta, as the SDK's documentation has it."""
    for name in exchange.row.betas:
        other = EITHER.get(name, name)
        if not {name, other} & exchange.betas:
            refuse("anthropic-beta", f"this endpoint is in beta: requests must send {name!r} in this header")
        if name != other and {name, other} <= exchange.betas:
            refuse("anthropic-beta", f"{name!r} and {other!r} cannot be sent together")


def _body(exchange: Exchange) -> dict[str, Any]:
    """Return the body, checked by the row, as is the query; raises Refusal."""
    row, params = exchange.row, exchange.row.params
    for param in params.values():
        if param.query and param.needed and not exchange.many(param.name):
            refuse(param.name, "Field required")
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
    return asked.answer(asked.own())


def _update(asked: Asked) -> dict[str, Any]:
    return asked.change(asked.own(), asked.body)


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
RULES: dict[str, Rule] = {
    **administration.RULES,
    **errands.RULES,
    **memories.RULES,
    **plugins.RULES,
    **sessions.RULES,
}
"""Rows that a verb alone does not tell of."""
