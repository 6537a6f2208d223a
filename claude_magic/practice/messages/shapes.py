"""Which fields may a request to Messages have, and of which kind (`practice.kinds`)?

The fields: https://docs.claude.com/en/api/messages.
"""

from __future__ import annotations

from typing import Any

from claude_magic.practice.kinds import nullable, tagged, text_or
from claude_magic.protocol.catalog import EFFORTS

CACHE = {"cache_control": nullable({"type*": ("ephemeral",), "ttl": ("5m", "1h")})}
CITED = {"citations": nullable({"enabled": "flag"}), **CACHE}
TEXT = {"text*": "text", "citations": "any", **CACHE}
IMAGE_SOURCES = {
    "base64": {"media_type*": "text", "data*": "text"},
    "url": {"url*": "text"},
    "file": {"file_id*": "text"},
}
OVERSIZED = {"oversized_image": ("downsize", "error")}
IMAGE = {"source*": tagged(IMAGE_SOURCES), "transformations": OVERSIZED, **CACHE}
SOURCES = IMAGE_SOURCES | {
    "text": {"media_type*": ("text/plain",), "data*": "text"},
    "content": {"content*": text_or([tagged({"text": TEXT, "image": IMAGE})])},
}
RESULT_BLOCKS = {
    "text": TEXT,
    "image": IMAGE,
    "document": {"source*": tagged(SOURCES), "title": "text?", "context": "text?", **CITED},
    "search_result": {"source*": "text", "title*": "text", "content*": [tagged({"text": TEXT})], **CITED},
    "tool_reference": {"tool_name*": "text", **CACHE},
}
TOOL_USE = {"id*": "text", "name*": "text", "input*": "object", "caller": "any", **CACHE}
TOOL_RESULT = {
    "tool_use_id*": "text",
    "content": text_or([tagged(RESULT_BLOCKS)]),
    "is_error": "flag?",
    **CACHE,
}
SERVER_TOOLS = ("web_search", "web_fetch", "code_execution", "bash_code_execution", "tool_search")
SERVER_RESULTS = (*(f"{name}_tool_result" for name in SERVER_TOOLS), "text_editor_code_execution_tool_result")
SERVER_RESULT = {"tool_use_id*": "text", "content*": "any", "caller": "any", **CACHE}
UNCHECKED = """mcp_tool_use mcp_tool_result mcp_tool_listing compaction fallback advisor_tool_result
tool_addition tool_removal"""
BLOCKS: dict[str, Any] = {
    **{name: RESULT_BLOCKS[name] for name in ("text", "image", "document", "search_result")},
    "tool_use": {"toolset_name": "text?", **TOOL_USE},
    "tool_result": {"toolset_name": "text?", **TOOL_RESULT},
    "thinking": {"thinking*": "text", "signature*": "text"},
    "redacted_thinking": {"data*": "text"},
    "server_tool_use": TOOL_USE,
    "container_upload": {"file_id*": "text", **CACHE},
    **dict.fromkeys(SERVER_RESULTS, SERVER_RESULT),
    **dict.fromkeys(UNCHECKED.split()),
}
CUSTOM = {
    "name*": "text",
    "input_schema*": "object",
    "description": "text",
    "strict": "flag?",
    "defer_loading": "flag",
    "eager_input_streaming": "flag?",
    "allowed_callers": ["text"],
    "input_examples": ["object"],
    **CACHE,
}
NAMED_TOOLS = {
    # type -> the one name it may have; other fields are taken as they are
    "bash_20250124": "bash",
    "text_editor_20250124": "str_replace_editor",
    "text_editor_20250429": "str_replace_based_edit_tool",
    "text_editor_20250728": "str_replace_based_edit_tool",
    "memory_20250818": "memory",
    **{f"web_search_{day}": "web_search" for day in ("20250305", "20260209", "20260318")},
    **{f"web_fetch_{day}": "web_fetch" for day in ("20250910", "20260209", "20260309", "20260318")},
    **{f"code_execution_{day}": "code_execution" for day in ("20250522", "20250825", "20260120", "20260521")},
    **{f"tool_search_tool_{kind}": f"tool_search_tool_{kind}" for kind in ("regex", "bm25")},
    **{f"tool_search_tool_{kind}_20251119": f"tool_search_tool_{kind}" for kind in ("regex", "bm25")},
}
OTHER_TOOLS = """computer_toolset_20260801 browser_toolset_20260801 bash_20241022 text_editor_20241022
advisor_20260301 mcp_toolset computer_20241022 computer_20250124 computer_20251124"""
TOOLS: dict[str, Any] = {"custom": CUSTOM, **dict.fromkeys((*NAMED_TOOLS, *OTHER_TOOLS.split()))}
PARALLEL = {"disable_parallel_tool_use": "flag"}
CHOICES = {"auto": PARALLEL, "any": PARALLEL, "tool": {"name*": "text", **PARALLEL}, "none": {}}
DISPLAY = {"display": ("summarized", "omitted", "updates", None)}
THINKING = {
    "adaptive": DISPLAY,
    "enabled": {"budget_tokens*": "whole", **DISPLAY},
    "disabled": {},
    "between_tools": {},
}
MESSAGE = {
    "role*": ("user", "assistant", "system"),
    "content*": text_or([tagged(BLOCKS)]),
    "clear_at": "text?",
    "output_config": "object",
}
BODY: dict[str, Any] = {
    "model*": "text",
    "messages*": [MESSAGE],
    "system": text_or([tagged({"text": TEXT})]),
    "tools": [tagged(TOOLS, "custom")],
    "tool_choice": tagged(CHOICES),
    "thinking": tagged(THINKING),
    "output_config": {
        "effort": (*EFFORTS, None),
        "format": nullable({"type*": ("json_schema",), "schema*": "object"}),
        "task_budget": "object",
    },
    "speed": ("standard", "fast", None),
    **CACHE,
}
LOADED = {"type*": ("anthropic", "custom"), "skill_id*": "text", "version": "text"}
CREATE = BODY | {
    "max_tokens*": "whole",
    "stop_sequences": ["text"],
    "stream": "flag?",
    "metadata": {"user_id": "text?"},
    "container": nullable(text_or({"id": "text?", "skills": nullable([LOADED])})),
    "diagnostics": "any",
    "inference_geo": ("global", "us", None),
    "service_tier": ("auto", "standard_only"),
    "temperature": "number",
    "top_p": "number",
    "top_k": "whole",
}
BETA_FIELDS = (
    "mcp_servers context_management compaction fallbacks fallback_credit_token thread billing_policy"
)
BETA = dict.fromkeys(BETA_FIELDS.split(), "any")
"""Fields that are taken, and not acted on, in a request that names a beta."""
