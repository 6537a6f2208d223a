"""How does a conversation read as a Python program?"""

from __future__ import annotations

import json
import re
from typing import Any

from claude_magic.exporting.parts import Beside

WIDTH = 100
HEAD = '''\
"""{title}: asks its last question again.

The key is taken from ANTHROPIC_API_KEY; claude-magic login, in a terminal, keeps one. With
CLAUDE_MAGIC_PRACTICE=on, practice answers without one.
"""

'''
READ = '''\
def read(name):
    """Return a file that lies beside this program, as the API takes it."""
    return base64.b64encode((Path(__file__).parent / name).read_bytes()).decode()


'''
ASK = """\
answer = client.messages.create(
{parameters}    messages=messages,
)
print("".join(block.text for block in answer.content if block.type == "text"))

# To go on:
# messages += [
#     {{"role": "assistant", "content": answer.content}},
#     {{"role": "user", "content": "And then?"}},
# ]
"""


def script(body: dict[str, Any], answer: dict[str, Any], name: str, files: list[str]) -> str:
    """Return a program that sends a body; what was answered stands at its end."""
    title = f"The conversation {name}" if re.fullmatch(r"[\w.-]+", name) else "A conversation"
    called = {k: v for k, v in body.items() if k != "messages"}
    said = "\n".join(b["text"] for b in answer["content"] if b.get("type") == "text")
    parts = [
        HEAD.format(title=title),
        "import base64\nfrom pathlib import Path\n\n" * bool(files),
        "from claude_magic import Client  # or: from anthropic import Anthropic as Client\n\n",
        f"\n{READ}" * bool(files),
        *(f"# {one} goes beside this program\n" for one in files),
        f"client = Client()\n\nmessages = {literal([_short(m) for m in body['messages']])}\n\n",
        "# the official SDK takes betas by client.beta.messages.create\n" * bool(body.get("betas")),
        ASK.format(parameters="".join(f"    {k}={literal(v, 1)},\n" for k, v in called.items())),
        "\n# What was answered in the notebook:\n",
        *(f"# {line}".rstrip() + "\n" for line in said.splitlines()),
    ]
    return "".join(parts)


def literal(value: Any, depth: int = 0) -> str:
    """Return JSON as Python, a line each for the lines of a text."""
    if isinstance(value, Beside):
        return f"read({_quoted(value.name)})"
    if not isinstance(value, dict | list | str):
        return repr(value)
    at, inner = "    " * depth, "    " * (depth + 1)
    if isinstance(value, str):
        lines = [f"{inner}{_quoted(line)}\n" for line in value.splitlines(keepends=True)]
        return _quoted(value) if len(lines) < 2 else "(\n" + "".join(lines) + at + ")"
    if isinstance(value, list):
        parts, marks = [literal(item, depth + 1) for item in value], "[]"
    else:
        parts, marks = [f"{_quoted(k)}: {literal(v, depth + 1)}" for k, v in value.items()], "{}"
    line = ", ".join(parts)
    if "\n" not in line and len(line) < WIDTH - len(at):
        return marks[0] + line + marks[1]
    return marks[0] + "\n" + "".join(f"{inner}{part},\n" for part in parts) + at + marks[1]


def _quoted(text: str) -> str:
    """Return a text as Python, in double quotes: what JSON escapes reads the same there."""
    return json.dumps(text, ensure_ascii=False)


def _short(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message with a text alone as that text."""
    content = message["content"]
    one = content[0] if isinstance(content, list) and len(content) == 1 else {}
    plain = {name for name, value in one.items() if value is not None} == {"type", "text"}
    return {**message, "content": one["text"]} if plain else message
