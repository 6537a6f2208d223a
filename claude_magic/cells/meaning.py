"""What do the names that stand after --tool and --schema mean in a notebook?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError
from claude_magic.prompts import references, typenames
from claude_magic.tools.named import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping


def meant(given: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords of `ask` with functions and types in the place of their names; raises InputError."""
    made = dict(given)
    if tools := made.get("tools"):
        made["tools"] = resolve(tools, names)
    if skills := made.get("skills"):
        made["skills"] = [references.lookup(skill, names) for skill in skills]
    if (returns := made.get("returns")) is not None:
        made["returns"] = typenames.named(returns, names)
    if not tools and (needless := next((name for name in ("approve", "max_steps") if made.get(name)), None)):
        flag = f"--{needless.replace('_', '-')}"
        raise InputError(f"{flag} is about tools, and there is none", hint=f"Name one: --tool NAME {flag}")
    return made
