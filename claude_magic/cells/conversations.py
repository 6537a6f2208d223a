"""What do the commands about conversations do?

`%claude switch, history, reset, undo, continue, export`, each for a row of `flags.COMMANDS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_magic import settings
from claude_magic.cells import asking, jobs, reports
from claude_magic.cells.jobs import Said
from claude_magic.errors import nearest
from claude_magic.grammar.words import short
from claude_magic.talk.thread import threads

if TYPE_CHECKING:
    from claude_magic.grammar.cell import CommandCall


def switch(_: Any, call: CommandCall) -> Said:
    """Have questions belong to a conversation until the kernel ends; without a name, say to which they do."""
    near = nearest(call.rest, [t.name for t in threads]) if call.rest and call.rest not in threads else None
    if call.rest:
        settings.use("thread", call.rest)
    thread = threads.get()
    slip = f". It is new; there is {near} too" if near else ""
    return Said(f"{thread.name}: {_turns(len(thread))} ({settings.option('thread').source}){slip}")


def reset(_: Any, call: CommandCall) -> Said:
    """Forget a conversation, or all."""
    one = call.rest and call.rest != "all"
    chosen = [reports.known(call.rest)] if one else list(threads) if call.rest else [threads.get()]
    gone = sum(len(t) for t in chosen)
    for thread in chosen:
        thread.reset()
    names = ", ".join(t.name for t in chosen) or "nothing"
    return Said(f"Forgotten: {names} ({_turns(gone)}). The next question starts anew")


def undo(_: Any, call: CommandCall) -> Said:
    """Take back the last turn, or several."""
    thread, wanted = threads.get(), int(call.rest or 1)
    taken = [" ".join(thread.undo().question.split()) for _ in range(min(wanted, len(thread)) or 1)]
    return Said(f"Taken back: {'; '.join(f'“{short(q)}”' for q in taken)}; {_turns(len(thread))} left")


def history(_: Any, call: CommandCall) -> Any:
    """Show the last turns."""
    last = next((int(w) for w in call.args[:1] if w.isdecimal()), None)
    return reports.history(last, *call.args[last is not None :])


def go_on(shell: Any, call: CommandCall) -> Any:
    """Go on with an answer that was stopped or cut short."""
    thread = reports.known(call.rest) if call.rest else threads.to_go_on()
    return asking.go_on(shell, thread, call.ask)


def export(_: Any, call: CommandCall) -> Any:
    """Return a conversation in another form, or write it to a file; asks before it writes over one."""
    from claude_magic import exporting

    *named, last = call.args or ("",)
    path = last if Path(last).suffix in {form.suffix for form in exporting.FORMS.values()} else ""
    if last and not path and last not in exporting.FORMS:
        named, last = [last], ""
    thread = reports.known(named[0]) if named else threads.get()
    if not path:
        return Said(exporting.text(thread, last or "python"))
    target = Path(path).expanduser()
    over = target.exists() and "yes" not in call.own
    if over and not jobs.agreed(f"Write over {target}", "%claude export", call.rest):
        return Said("Nothing was written")
    return Said(f"Written: {', '.join(str(one) for one in exporting.write(thread, target))}")


def _turns(count: int) -> str:
    return f"{count} turn{'' if count == 1 else 's'}"
