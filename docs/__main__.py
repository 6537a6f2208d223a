"""How does the page of all calls come out of the table? `python docs` writes endpoints.md anew."""

from __future__ import annotations

from pathlib import Path

from claude_magic.protocol.endpoints import ENDPOINTS, MB, Endpoint

PAGE = Path(__file__).parent / "endpoints.md"
PARTED = ("organization", "compliance")  # large enough for a section to each part of them
HEAD = """# Every call of the API

*Written by `python docs` from [claude_magic/data/endpoints.txt](../claude_magic/data/endpoints.txt).*

{count} calls, each a method of `Client` and, awaited, of `AsyncClient`. What a call needs is named; `…`
stands for what it takes besides, which `help(client.files.list)` shows, or <kbd>Shift</kbd>+<kbd>Tab</kbd>.
Parameters of the path come by place, the others by name. `client.request("GET", "/v1/…")` reaches what is not
here.

- **list 20/1000**: iterating goes on through all pages, `limit` is the size of a page (20 unless given, at
  most 1,000), and `.to_frame()` makes a DataFrame.
- **at most 500 MB**: checked before anything is sent; 32 MB where nothing is said.
- **paid** and **once**: never repeated by itself when it is unknown whether it was carried out.
- **beta**: the header that is sent along.

The calls of `organization` and `compliance` take an admin key (`ANTHROPIC_ADMIN_KEY`).
"""


def page() -> str:
    """Return the page: a section for each part of the API, a row for each call."""
    parts = [HEAD.format(count=len(ENDPOINTS))]
    sections: dict[str, list[Endpoint]] = {}
    for row in ENDPOINTS.values():
        sections.setdefault(_section(row), []).append(row)
    for section, rows in sections.items():
        lines = [f"\n## {section}\n", "| call | sends | notes | |", "|---|---|---|---|"]
        parts.append("\n".join([*lines, *map(_row, rows)]) + "\n")
    return "".join(parts)


def _section(row: Endpoint) -> str:
    first, *others = row.name.split(".")[:-1]
    return f"{first}.{others[0]}" if others and first in PARTED else first


def _row(row: Endpoint) -> str:
    needed = [f"{param.name}=" for param in row.params.values() if param.needed]
    more = ["…"] if len(needed) < len(row.params) else []
    call = f"{row.name}({', '.join([*row.names, *needed, *more])})"
    return f"| `{call}` | `{row.method} {row.path}` | {', '.join(_notes(row))} | [docs]({row.doc}) |"


def _notes(row: Endpoint) -> list[str]:
    sizes = f" {row.usual or '?'}/{row.most_items or '?'}" if row.usual or row.most_items else ""
    ends = {"binary": "a file", "jsonl": "JSON lines", "sse": "events", "multipart": "a form"}
    notes = {
        f"list{sizes}": row.paging,
        ends.get(row.kind, ""): row.kind in ends,
        f"at most {row.most // MB} MB": row.most != 32 * MB,
        "paid": row.paid,
        "once": row.once,
        "legacy": row.legacy,
        f"beta `{', '.join(row.betas)}`": row.betas,
    }
    return [note for note, said in notes.items() if said]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
