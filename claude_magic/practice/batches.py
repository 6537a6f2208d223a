"""How does a batch of messages go its way?

https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claude_magic.practice import Answers

ANSWERS: Answers = {}
