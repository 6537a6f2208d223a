"""Which skills are there, and what is in a bundle?

https://platform.claude.com/docs/en/build-with-claude/skills-guide
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claude_magic.practice import Answers

ANSWERS: Answers = {}
