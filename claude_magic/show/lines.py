"""Does a cell show what a line of it returns?"""

from __future__ import annotations

import ast
import inspect
import linecache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType


def is_shown(shell: Any) -> bool:
    """Say whether the value of the line that is running goes to a name, or is shown as its cell's last one.

    What is not known is taken for shown.
    """
    frame = _running(shell)
    if frame is None:
        return True
    try:
        body = ast.parse("".join(linecache.getlines(frame.f_code.co_filename))).body
    except SyntaxError:  # "await" on its own
        return True
    top = next((node for node in body if _has(node, frame.f_lineno)), None)
    bare = top and any(isinstance(node, ast.Expr) and _has(node, frame.f_lineno) for node in ast.walk(top))
    return not bare or (isinstance(top, ast.Expr) and top is body[-1])


def _has(node: Any, line: int) -> bool:
    return bool(node.lineno <= line <= node.end_lineno)


def _running(shell: Any) -> FrameType | None:
    """Return the frame of the notebook's own code that is running, where it is no function's."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals is not shell.user_ns:
        frame = frame.f_back
    return frame if frame is not None and frame.f_code.co_name == "<module>" else None
