"""How is a call answered that needs no rule of its own: make, list, change, archive, delete?

Every row of the endpoint table without an answer of its own comes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_magic.practice.refusal import Refusal

if TYPE_CHECKING:
    from claude_magic.app import Response
    from claude_magic.practice import Exchange, Practice


def answer(practice: Practice, exchange: Exchange) -> Response:
    """Answer a call from what is stored; raises Refusal."""
    raise Refusal(404, f"Not Found: {exchange.request.method} {exchange.request.path}")
