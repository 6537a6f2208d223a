"""What of an answer goes into the next cell?

Its code, as text: nothing is run. The reader sees the cell and decides. Where no cell can be made, as in a
run by papermill, the code is in the answer all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.looks import parts as looks
from claude_magic.looks import watched
from claude_magic.prompts import fences
from claude_magic.talk.answer import CUT

if TYPE_CHECKING:
    from claude_magic.talk.answer import Answer

MOST = 200_000  # characters: what IPython's %load calls big
MAGICS = {
    # a language: the cell magic that runs it, where the notebook has that
    "bash": "bash", "sh": "sh", "shell": "bash", "html": "html", "svg": "svg", "javascript": "javascript",
    "js": "javascript", "latex": "latex", "tex": "latex", "markdown": "markdown", "md": "markdown",
    "perl": "perl", "ruby": "ruby", "sql": "sql", "r": "R",
}  # fmt: skip


def put(shell: Any, answer: Answer) -> str:
    """Put an answer's code into the next cell; return what the reader should know, or ""."""
    found = fences.code(str(answer), cut=answer.stop_reason in CUT)
    if not found.text:
        return "" if answer.message.tool_calls else "There is no code in this answer, so no cell was made."
    source, magic = found.text, MAGICS.get(found.language, "")
    if found.language != "python":
        if not (magic and shell.find_cell_magic(magic)):
            return (
                f"The code is {found.language[:30]}, not Python, so no cell was made; it is in _claude.code."
            )
        source = f"%%{magic}\n{source}"
    if not insert(shell, source):
        return f"The code has {len(source):,} characters, too many for a cell; it is in _claude.code."
    if watched.mode() == "live":
        looks.display({"text/plain": "The code is in the cell below.", "text/html": looks.below()}, {})
    return "" if found.closed else "The code is not complete."


def insert(shell: Any, source: str) -> bool:
    """Put a source into a new cell below; return whether it is short enough for one."""
    if len(source) > MOST:
        return False
    shell.set_next_input(source, replace=False)
    return True
