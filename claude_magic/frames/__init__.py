"""How does a DataFrame go in and come out?"""

from claude_magic.frames.models import models
from claude_magic.frames.usage import usage

__all__ = ["models", "usage"]
