"""What stands in the place of a name that there is not, such as one of the official SDK's?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_magic.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 12  # names that an error lists
ANSWER = "every answer has its status and headers in .response"
CALL = 'use client.request("GET", "/v1/models"), with any verb and path'
INSTEAD = {
    "tool_runner": "claude_magic.ask(prompt, tools=[function]) and Chat(tools=…) call functions",
    "with_raw_response": ANSWER,
    "with_streaming_response": f"{ANSWER}, and what arrives in pieces is a Feed",
    **dict.fromkeys(("get", "post", "put", "patch"), CALL),
}
"""Names of the official SDK: https://github.com/anthropics/anthropic-sdk-python"""
FILE = ("seek", "seekable", "tell", "readable", "readline", "readlines", "fileno", "mode")


def absent(space: str, word: str, known: Iterable[str]) -> str:
    """Return what an error says of a name that a part of the API does not have."""
    names = sorted(known)
    near = next((name for name in names if name.startswith(word)), None) or nearest(word, names)
    there = f"; there are {', '.join(names)}" if len(names) <= MOST else ""
    found = INSTEAD.get(word) if near is None or word in INSTEAD else None
    also = f": {found}" if found else f"; did you mean {near}?" if near else there
    return f"The API has no {f'{space}.{word}'.lstrip('.')}{also}"
