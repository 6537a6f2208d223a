"""What does `df.claude` do?

The verbs of `mapping.py` with the frame in the first place. They are imported when one is called.
"""

from __future__ import annotations

import functools
import inspect
import operator
import sys
from importlib import import_module
from typing import Any

PLACES = {
    # a library: where it keeps what registers an accessor, and the names of that
    "pandas": ("api.extensions", ("register_dataframe_accessor", "register_series_accessor")),
    "polars": ("api", ("register_dataframe_namespace", "register_series_namespace")),
}
VERBS = {
    # a verb, and the module that defines it
    **dict.fromkeys(("map", "classify", "extract", "score", "preview", "estimate"), "mapping"),
    "batch": "batch.job",
    "grade": "judged.grade",
}


class Rows:
    """Prompts over the rows of this frame or series: `df.claude.map("Sum up {text}")`."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __dir__(self) -> list[str]:
        return [*VERBS]

    def __getattr__(self, name: str) -> Any:
        if name not in VERBS:
            raise AttributeError(f"There is no df.claude.{name}; there are {', '.join(VERBS)}", name=name)
        verb = getattr(import_module(f"claude_magic.rows.{VERBS[name]}"), name)

        @functools.wraps(verb)
        def bound(*args: Any, **given: Any) -> Any:
            return verb(self._data, *args, **given)

        _, *rest = inspect.signature(verb).parameters.values()
        bound.__signature__ = inspect.Signature(rest)  # type: ignore[attr-defined] # what Shift-Tab shows
        return bound

    def __repr__(self) -> str:
        return f"<claude: {', '.join(VERBS)}>"


def register(library: str) -> None:
    """Give the frames of a library that is imported `.claude`; registering twice changes nothing."""
    module = sys.modules[library]
    if "claude" in vars(getattr(module, "DataFrame", Rows)):
        return
    place, names = PLACES[library]
    for name in names:
        if tell := getattr(operator.attrgetter(place)(module), name, None):
            tell("claude")(Rows)
