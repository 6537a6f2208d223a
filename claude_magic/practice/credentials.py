"""Who may ask?

Any key that begins with practice or sk-ant- is taken; the organization's calls refuse a plain workspace key.
https://platform.claude.com/docs/en/api/overview
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from claude_magic.practice.refusal import Refusal

if TYPE_CHECKING:
    from claude_magic.practice import Exchange

KEY = re.compile(r"(?:sk-ant-|practice)[\x21-\x7e]*")


def check(exchange: Exchange) -> None:
    """Let a request with a usable key pass; raises Refusal."""
    headers = exchange.request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = headers.get("x-api-key", "")
    if scheme.casefold() == "bearer" and KEY.fullmatch(token.strip()):
        return
    if KEY.fullmatch(key):
        return
    fault = (
        "Invalid bearer token" if scheme else "invalid x-api-key" if key else "x-api-key header is required"
    )
    raise Refusal(401, f"{fault}: the practice server takes a key that begins with practice or sk-ant-")
