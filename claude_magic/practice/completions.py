"""How are the older and the other dialects answered: text completions, and OpenAI's chat completions?

https://platform.claude.com/docs/en/api/completions/create, https://platform.claude.com/docs/en/api/openai-sdk
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claude_magic.practice import Answers

ANSWERS: Answers = {}
