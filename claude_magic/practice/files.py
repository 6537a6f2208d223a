"""Where are uploaded and made files kept, and who may read them?

https://platform.claude.com/docs/en/build-with-claude/files
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claude_magic.practice import Answers

ANSWERS: Answers = {}
