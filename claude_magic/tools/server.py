"""Which tools does the API itself define, and in which version?

https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference
"""

from __future__ import annotations

from typing import Any, NamedTuple

from claude_magic.errors import InputError, nearest


class Known(NamedTuple):
    """A tool of the API: its versions, newest first, its `name` there, and whether it runs `here`."""

    versions: tuple[str, ...]
    name: str
    here: bool = False
    beta: str = ""


KNOWN: dict[str, Known] = {
    # word -> the tool; those that run here are definitions only: a function does what Claude asks for
    "web_search": Known(("web_search_20260318", "web_search_20260209", "web_search_20250305"), "web_search"),
    "web_fetch": Known(
        ("web_fetch_20260318", "web_fetch_20260309", "web_fetch_20260209", "web_fetch_20250910"), "web_fetch"
    ),
    "code_execution": Known(
        (
            "code_execution_20260521",
            "code_execution_20260120",
            "code_execution_20250825",
            "code_execution_20250522",
        ),
        "code_execution",
    ),
    "tool_search": Known(
        ("tool_search_tool_bm25_20251119", "tool_search_tool_bm25"), "tool_search_tool_bm25"
    ),
    "tool_search_regex": Known(
        ("tool_search_tool_regex_20251119", "tool_search_tool_regex"), "tool_search_tool_regex"
    ),
    "advisor": Known(("advisor_20260301",), "advisor", beta="advisor-tool-2026-03-01"),
    "bash": Known(("bash_20250124",), "bash", here=True),
    "text_editor": Known(
        ("text_editor_20250728", "text_editor_20250429"), "str_replace_based_edit_tool", here=True
    ),
    "memory": Known(("memory_20250818",), "memory", here=True),
    "computer": Known(("computer_toolset_20260801",), "", here=True),
    "browser": Known(("browser_toolset_20260801",), "", here=True),
}
OF_TYPE = {version: word for word, known in KNOWN.items() for version in known.versions}
MCP_BETA = "mcp-client-2026-09-15"
"""The newest of https://platform.claude.com/docs/en/agents-and-tools/mcp-connector."""


class Mcp(NamedTuple):
    """An MCP server: its entry of `mcp_servers`, its entry of `tools`, and the beta that both need."""

    server: dict[str, Any]
    toolset: dict[str, Any]
    beta: str = MCP_BETA

    def __repr__(self) -> str:
        return f"<Mcp {self.server['name']} {self.server['url'].partition('?')[0]}>"  # no token


def server_tool(name: str, **options: Any) -> dict[str, Any]:
    """Return the definition of a tool of the API, newest version; raises InputError for an unknown name.

    `name` is a word such as "web_search", or a type such as "web_search_20250305" for another version.
    `options` go into it as they are: server_tool("web_search", max_uses=3).
    """
    name = str(name)
    word = OF_TYPE.get(name, name)
    if word not in KNOWN:
        close = nearest(name, KNOWN)
        hint = f"Did you mean {close}?" if close else f"There are {', '.join(KNOWN)}."
        raise InputError(f"There is no tool {name!r} at the service", hint=hint)
    known = KNOWN[word]
    made = {"type": name if name in OF_TYPE else known.versions[0], "name": known.name}
    return {**{key: value for key, value in made.items() if value}, **options}


def beta(definition: dict[str, Any]) -> str:
    """Return the beta that a definition needs, or ""."""
    known = KNOWN.get(OF_TYPE.get(str(definition.get("type")), ""))
    return known.beta if known else ""


def runs_here(definition: dict[str, Any]) -> str:
    """Return the word of a tool that Claude only calls and a function here must run, or ""."""
    word = OF_TYPE.get(str(definition.get("type")), "")
    return word if word and KNOWN[word].here else ""


def mcp(url: str, name: str, *, authorization_token: str | None = None, **options: Any) -> Mcp:
    """Return an MCP server, whose tools the service calls itself.

    `options` are the toolset's: `default_config`, `configs`, `tools`, `cache_control`. Raises InputError for
    an address that is not https.
    """
    if not str(url).startswith("https://"):
        raise InputError(f"{url} is no address of an MCP server", hint="It begins with https://.")
    token = {} if authorization_token is None else {"authorization_token": authorization_token}
    server = {"type": "url", "name": name, "url": url, **token}
    return Mcp(server, {"type": "mcp_toolset", "mcp_server_name": name, **options})
