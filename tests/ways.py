"""How does one test go through several steps with both clients?

`go(door, ask, then, …)` gives the client to the first step and what each gives to the next one; what an
AsyncClient gives is awaited in between, all in one event loop.
"""

from __future__ import annotations

import asyncio
import email.policy
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.doors import DOORS, Door

both = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.kind)


def go(door: Door, *steps: Callable[[Any], Any]) -> Any:
    """Return what the last step gives."""
    if door.kind == "sync":
        value: Any = door.client
        for step in steps:
            value = step(value)
        return value

    async def run() -> Any:
        value: Any = door.client
        for step in steps:
            value = step(value)
            value = await value if inspect.isawaitable(value) else value
        return value

    return asyncio.run(run())


def items(found: Any) -> Any:
    """Return all that iterating gives, as a list (of an AsyncClient: an awaitable of it)."""
    if not hasattr(found, "__aiter__"):
        return list(found)

    async def every() -> list[Any]:
        return [item async for item in found]

    return every()


class Field(NamedTuple):
    """A part of a form."""

    name: str
    filename: str | None
    kind: str
    data: bytes


def fields(kind: str, body: bytes) -> list[Field]:
    """Return the parts of a form."""
    whole = email.message_from_bytes(
        b"Content-Type: %s\r\n\r\n" % kind.encode() + body, policy=email.policy.HTTP
    )
    return [
        Field(
            str(part["content-disposition"].params["name"]),
            part.get_filename(),
            str(part["content-type"]),
            part.get_payload(decode=True),
        )
        for part in whole.iter_parts()
    ]
