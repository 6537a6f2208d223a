"""Which files did an answer's code make, and what is to be typed to fetch them?

They are named under the answer; nothing is fetched unasked.
"""

from __future__ import annotations

import html
import json
import sys
from typing import TYPE_CHECKING

from claude_magic.errors import printable
from claude_magic.looks import parts as looks
from claude_magic.prompts import media
from claude_magic.show import display

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.talk.answer import Answer

TYPED = (
    "font:12px/1.5 var(--jp-code-font-family,monospace);color:var(--jp-ui-font-color1,inherit);"
    "background:var(--jp-layout-color2,#eee);border-radius:3px;padding:1px 5px;"
    "display:inline-block;user-select:all"
)


def lines(answer: Answer) -> Iterator[tuple[str, str]]:
    """Yield, for each file that was made, what it is and the line that fetches it."""
    for file in answer.files:
        size = file.get("size_bytes")
        facts = [media.shown_size(size)] if isinstance(size, int) else []
        facts += [] if answer.source == "live" else [answer.source]
        what = f"made {file.name if file.get('filename') else 'a file'}"
        about = f"{what} ({', '.join(facts)})" if facts else what
        yield printable(about), printable(f"%claude files download {file['file_id']} {_typed(file.name)}")


def _typed(name: str) -> str:
    """Return a file's name as it is typed on a line."""
    name = f"./{name}" if name.startswith("-") else name
    return json.dumps(name, ensure_ascii=False) if set(name) & set(" '\"=[]{}\\") else name


def bundle(answer: Answer) -> dict[str, str]:
    """Return what names the files as text and HTML; empty where there are none."""
    made = list(lines(answer))
    if not made:
        return {}
    rows = "".join(
        f'<div>{html.escape(what)} &nbsp;<code style="{TYPED}">{html.escape(typed)}</code></div>'
        for what, typed in made
    )
    plain = "\n".join(f"{what}: {typed}" for what, typed in made)
    return {
        "text/plain": plain,
        "text/html": f'{looks.BOX}><div style="{looks.LINE}">{rows}</div></div>',
    }


def show(answer: Answer) -> None:
    """Name the files under an answer."""
    if not (found := bundle(answer)):
        return
    if display.mode() == "terminal":
        sys.stdout.write(f"{found['text/plain']}\n")
    else:
        looks.display(found, {})


def skills(answer: Answer) -> str:
    """Return which skills were there for an answer, as "skills xlsx, docx"."""
    container = answer.message.get("container")
    used = container.get("skills") if isinstance(container, dict) else None
    names = [str(skill.get("skill_id")) for skill in used or () if isinstance(skill, dict)]
    return f"skill{'s' * (len(names) > 1)} {', '.join(names)}" if names else ""
