"""What was used and what did it cost, by day and by whom?

https://platform.claude.com/docs/en/build-with-claude/usage-cost-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claude_magic.practice import Answers

ANSWERS: Answers = {}
