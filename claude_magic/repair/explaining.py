"""How is a cell, a name of the notebook or the last error explained?"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from claude_magic.cells import asking
from claude_magic.errors import InputError, nearest
from claude_magic.grammar.cell import Ask
from claude_magic.looks import watched
from claude_magic.prompts import private, prompt
from claude_magic.prompts.prompt import Rendered
from claude_magic.prompts.tables import cut
from claude_magic.repair import failing, fixing

if TYPE_CHECKING:
    from claude_magic.grammar.cell import CommandCall

THREAD = "explain"
"""The conversation of the newest explanation; `%%claude -t explain` goes on."""
CELL = (
    "Explain this cell of a notebook to its author, in a few short paragraphs: what it does, step by step, "
    "and what in it could surprise."
)
FAILED = "It failed: say why, and what would mend it."
ERROR = (
    "Explain this error of a notebook to its author in a few sentences: what it means, why it came, and how "
    "to mend it."
)
NAME = "Explain to the author of a notebook what `{name}` is and how it is used, in a few short paragraphs."
ERRORS = (failing.NAME, "error")
MOST_SOURCE = 20_000  # characters of a function, mostly a library's


def explain(shell: Any, call: CommandCall) -> Any:
    """Have a cell, a name or the last error explained; raises ClaudeError."""
    asked = call.ask or Ask(call.rest)
    rendered = _rendered(shell, call.rest)
    return asking.ask(shell, fixing.alone(asked, THREAD), rendered=rendered)


def _rendered(shell: Any, what: str) -> Rendered:
    names = asking.visible(shell)
    if what in ERRORS and (what not in names or isinstance(names[what], failing.Failure)):
        return _error(shell)
    if not what or what.isdecimal():
        return _cell(shell, int(what) if what else _newest(shell))
    return _named(names, what)


def _error(shell: Any) -> Rendered:
    failure = failing.last(shell)
    if failure is None:
        raise InputError(
            "No cell has failed, so there is no error to explain",
            hint="Type %claude explain for the last cell, or %claude explain 3 for In[3].",
        )
    case = fixing.case_of(shell, failure)
    told = [fixing.tagged("cell", n, text, called=case.called[n]) for n, text in case.sources.items()]
    used = {name: fixing.lines(text) for name, text in case.sources.items()}
    trace = fixing.tagged("traceback", failing.THIS, failure.traceback)
    return _told([ERROR, *told, trace], {**used, "traceback": failure.type})


def _cell(shell: Any, number: int) -> Rendered:
    source, failure = fixing.source(shell, number), failing.last(shell)
    name = f"In[{number}]"
    told = fixing.tagged("cell", name, source, called=failing.THIS)
    parts, used = [CELL, told], {name: fixing.lines(source)}
    if failure and failure.number == number:
        parts += [FAILED, fixing.tagged("traceback", failing.THIS, failure.traceback)]
        used["traceback"] = failure.type
    return _told(parts, used)


def _newest(shell: Any) -> int:
    """Return the number of the last cell that ran and asked nothing of us."""
    cells = shell.history_manager.input_hist_raw
    for number in range(min(int(watched.cell_number(shell)), len(cells)) - 1, 0, -1):
        if cells[number].strip() and not failing.OURS.match(cells[number]):
            return number
    raise InputError("No cell has run yet", hint="Run one, then type %claude explain")


def _named(names: dict[str, Any], what: str) -> Rendered:
    first = re.split(r"[.\[]", what)[0]
    if first not in names:
        near = nearest(first, [n for n in names if not n.startswith("_")])
        hint = f"Did you mean %claude explain {near}?" if near else f"To ask it: %claude -- explain {what}"
        raise InputError(f"There is no variable {first}", hint=hint)
    value = None if "[" in what else _followed(names[first], what)  # an item is told by its value
    about = NAME.format(name=what)
    if inspect.isroutine(value) or isinstance(value, type):
        return _told([about, fixing.tagged("value", what, _source(value))], {what: "source"})
    shown = prompt.render("", names, inputs=[what])
    return shown._replace(
        blocks=[{"type": "text", "text": about}, *shown.blocks], text=f"{about}\n\n{shown.text}"
    )


def _followed(value: Any, what: str) -> Any:
    for step in re.findall(r"\.(\w+)", what):
        try:
            value = inspect.getattr_static(value, step) if step.startswith("_") else getattr(value, step)
        except AttributeError:
            raise InputError(
                f"{what}: there is no .{step}", hint=f"Type %claude explain {what.partition('.')[0]}"
            ) from None
    return value


def _source(value: Any) -> str:
    """Return the source of a function or class, or its signature and documentation where there is none."""
    try:
        return cut(inspect.getsource(inspect.unwrap(value)), MOST_SOURCE)
    except (OSError, TypeError, ValueError):
        pass
    try:
        signature = private.without_addresses(str(inspect.signature(value)))
    except (TypeError, ValueError):
        signature = "(…)"
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return cut(f"{name}{signature}\n\n{inspect.getdoc(value) or ''}", MOST_SOURCE)


def _told(parts: list[str], used: dict[str, str]) -> Rendered:
    text = "\n\n".join(parts)
    return Rendered([{"type": "text", "text": text}], text, [], used)
