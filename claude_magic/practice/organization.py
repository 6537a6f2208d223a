"""Who is in the organization, and what may they do?

https://platform.claude.com/docs/en/build-with-claude/administration-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claude_magic.practice import Answers

ANSWERS: Answers = {}
