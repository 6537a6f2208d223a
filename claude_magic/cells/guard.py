"""What must never be typed into a cell?

A key. A cell that holds one is stopped before it runs, and IPython is handed the cell without it, so that the
key is in no history, `In`, `_i`, log or traceback.
"""

from __future__ import annotations

import functools
from typing import Any

MARK = "sk-ant-"  # every key has it, so nothing else is loaded for a cell without it
REMOVED = "[key removed]"


class Guard:
    """An input transformer that raises InputError for a cell with a key in it."""

    has_side_effects = True  # IPython leaves it out when it only asks whether a cell is complete

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines as they are; raises InputError when there is a key in them."""
        text = "".join(lines)
        if blank(text) != text:
            from claude_magic.errors import InputError

            raise InputError(
                "This cell holds a key, so it was not run, and the history keeps it without the key",
                hint="Delete the key from the cell and type %claude login to enter it unseen; "
                "if the notebook was ever saved or shared with it, revoke it in the Console.",
            )
        return lines


def blank(text: str) -> str:
    """Return the text with every key replaced by `[key removed]`."""
    if MARK not in text:
        return text
    from claude_magic.prompts.private import KEY_SHAPE

    return KEY_SHAPE.sub(REMOVED, text)


def install(ip: Any) -> None:
    """Stop cells with a key in them from now on; installing twice changes nothing."""
    if any(isinstance(t, Guard) for t in ip.input_transformers_cleanup):
        return
    ip.input_transformers_cleanup.insert(0, Guard())
    ip.run_cell_async = _without_keys(ip.run_cell_async)


def uninstall(ip: Any) -> None:
    """Take the guard away again."""
    ip.input_transformers_cleanup[:] = [t for t in ip.input_transformers_cleanup if not isinstance(t, Guard)]
    if getattr(ip.run_cell_async, "keeps_no_keys", False):  # not when another extension has wrapped it since
        del ip.run_cell_async  # the class's own method shows again


def _without_keys(run_cell_async: Any) -> Any:
    """Return `run_cell_async` given no keys: IPython stores a cell even when a transformer refused it."""

    @functools.wraps(run_cell_async)
    def run(raw_cell: str, *args: Any, **options: Any) -> Any:
        clean = blank(raw_cell)
        if clean != raw_cell:
            refused = options.get("preprocessing_exc_tuple")
            if refused:  # its frames hold the cell
                options["preprocessing_exc_tuple"] = (refused[0], refused[1].with_traceback(None), None)
            options["transformed_cell"] = blank(options.get("transformed_cell") or clean)
        return run_cell_async(clean, *args, **options)

    run.keeps_no_keys = True  # type: ignore[attr-defined]
    return run
