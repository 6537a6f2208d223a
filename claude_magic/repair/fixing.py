"""How is a cell that failed corrected?

What is sent: the cell, its traceback in short, and the values it names. What comes back is shown as what it
would change; `--apply` puts it into a cell below. Nothing is run.
"""

from __future__ import annotations

import builtins
import difflib
import linecache
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.cells import asking
from claude_magic.cells.jobs import Said
from claude_magic.errors import InputError
from claude_magic.grammar.cell import Ask
from claude_magic.looks import watched
from claude_magic.prompts import fences, private
from claude_magic.prompts.prompt import Rendered
from claude_magic.prompts.values import Shown
from claude_magic.repair import failing, naming, tracebacks
from claude_magic.show import diffs, nextcell, showing
from claude_magic.talk.answer import CUT, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_magic.grammar.cell import CommandCall
    from claude_magic.repair.failing import Failure
    from claude_magic.repair.tracebacks import Place

THREAD = "fix"
"""The conversation of the newest correction: a correction stands alone, and `%%claude -t fix` goes on."""
CUT_SHORT = " It is not complete: ask again with a larger -n."
MOST_SOURCE = 60_000  # characters of a cell that can be corrected as a whole
FAILED = "A cell of a notebook failed."
CHECK = "Look for what is wrong in a cell of a notebook."
ASK = (
    "Say in one or two sentences what is wrong, then give the whole corrected cell as one fenced block of "
    "Python code. Keep its magics, and whatever is right as it is."
)
WHICH = (
    "The error arose in {inner}, which {outer} called. Correct the one that is wrong, and begin its code "
    "with the line `# {inner}` or `# {outer}`."
)
_RUN = re.compile(r"^\s*%run\s+(?:-\S+\s+)*(?:\"([^\"]+)\"|'([^']+)'|(\S+))", re.MULTILINE)


class Case(NamedTuple):
    """What is to be corrected: sources by name, the cell that failed first; and how it failed, if it did.

    `script` is how the cell's %run names the file that is the other source.
    """

    sources: dict[str, str]
    failure: Failure | None = None
    script: str = ""

    @property
    def outer(self) -> str:
        """The name of the cell that is to run again when what it called is corrected."""
        return next(iter(self.sources))

    @property
    def called(self) -> dict[str, str]:
        """What each source is called in what is sent."""
        first, *others = self.sources
        return {first: failing.THIS, **{n: failing.OTHER if n.startswith("In[") else n for n in others}}


class Correction(NamedTuple):
    """What came of a case: the code, what it takes the place of, and the words that asked for it.

    One that was cut is not `whole`.
    """

    case: Case
    asked: str
    code: str
    of: str
    whole: bool = True

    @property
    def changes(self) -> bool:
        """Whether it is not what was there."""
        return self.code != self.case.sources[self.of].rstrip()

    @property
    def cell(self) -> str:
        """The source of the cell that is put below; a script is written when the reader runs it."""
        script = self.case.script
        return f"%%writefile {script}\n{self.code}" if script and self.of != self.case.outer else self.code


_newest: dict[Any, Correction] = {}  # of each shell


def fix(shell: Any, call: CommandCall) -> Any:
    """Ask for a corrected cell, show what it changes, and put it below with --apply; raises ClaudeError."""
    asked = call.ask or Ask(call.rest)
    apply, made = bool(call.own.get("apply")), _newest.get(shell)
    case, words = _case(shell, call.rest)
    if apply and made and made.case == case and made.asked == call.rest and asked == Ask(call.rest):
        return _applied(shell, made)
    rendered = _prompt(shell, case, words, asked)
    answer = asking.ask(shell, alone(asked, THREAD), rendered=rendered, text=fences.prose)
    if not isinstance(answer, Answer):
        return answer
    found = _correction(case, call.rest, answer)
    told = _told(found, again=" ".join(["%claude fix", *call.rest.split()]))
    if found and found.changes:
        _newest[shell] = found
        told = str(_applied(shell, found)) if apply else told
    if not asked.quiet:
        _show(case, found)
        showing.note(told)
    return answer


def alone(asked: Ask, thread: str) -> Ask:
    """Return a question that begins its own conversation, unless it was given one."""
    new = asked.new or asked.thread is None
    return replace(asked, format="markdown", thread=asked.thread or thread, new=new)


# ---- what is corrected -------------------------------------------------------------------------------------


def _case(shell: Any, rest: str) -> tuple[Case, str]:
    """Return what is to be corrected and what the reader says of it; raises InputError where nothing is."""
    number, _, words = rest.partition(" ")
    failure = failing.last(shell)
    if number.isdecimal():
        if failure is None or failure.number != int(number):
            return Case({f"In[{int(number)}]": source(shell, int(number))}), words
    else:
        words = rest
    if failure is None:
        raise InputError(
            "No cell has failed, so there is nothing to fix",
            hint="Run the cell that fails, or name one: %claude fix 3"
            + (f"; to ask that as it is: %claude -- fix {rest}" if rest else ""),
        )
    return case_of(shell, failure), words


def source(shell: Any, number: int) -> str:
    """Return the source of a cell that ran, as it was written; raises InputError."""
    cells = shell.history_manager.input_hist_raw
    last = int(watched.cell_number(shell))
    if not 0 < number < min(len(cells), last + 1) or not cells[number].strip():
        raise InputError(
            f"There is no cell In[{number}]", hint=f"The cells that ran are In[1] to In[{last}]."
        )
    return str(cells[number])


def case_of(shell: Any, failure: Failure) -> Case:
    """Return the cell that failed, and what of the notebook or of its script the error arose in."""
    found = {failure.name: failure.cell}
    cells = shell.history_manager.input_hist_raw
    for path in failure.paths:
        if number := failure.cell_of(path):
            more = {f"In[{number}]": cells[number]} if number < len(cells) else {}
            return Case(found | more if number != failure.number else found, failure)
        if script := _script(failure.cell, path):
            text = "".join(linecache.getlines(path))
            return Case({**found, tracebacks.shortened(path): text}, failure, script)
    return Case(found, failure)


def _script(cell: str, path: str) -> str:
    """Return how a cell's %run names the file at a path, or "" where it is another's."""
    for groups in _RUN.findall(cell):
        typed = next(word for word in groups if word)
        plain = typed if typed.endswith((".py", ".ipy")) else f"{typed}.py"
        if os.path.realpath(os.path.expanduser(plain)) == os.path.realpath(path):  # noqa: PTH111 # any text
            return plain
    return ""


# ---- what is sent ------------------------------------------------------------------------------------------


def _prompt(shell: Any, case: Case, words: str, asked: Ask) -> Rendered:
    """Return the question with all it is about, as one text; raises InputError for a secret in a source."""
    parts, shown = [FAILED if case.failure else CHECK, ASK], dict[str, Shown]()
    hints: list[str] = []
    if len(case.sources) > 1:
        outer, inner = list(case.called.values())[:2]
        parts.append(WHICH.format(inner=inner, outer=outer))
    if words:
        parts.append(f"What the author says: {private.check('What you say', words)}")
    for name, text in case.sources.items():
        shown[name] = Shown(tagged("cell", name, text, called=case.called[name]), lines(text))
    if case.failure:
        trace = tagged("traceback", failing.THIS, case.failure.traceback)
        shown["traceback"] = Shown(trace, case.failure.type)
    parts += [*(one.text for one in shown.values()), *_near(shell, case)]
    found, left = naming.sent(*_named(shell, case))
    for one in found:
        if any(one.text.strip() in text for text in case.sources.values() if "\n" in one.text):
            continue  # a function that stands in a source
        shown[one.name] = Shown(tagged("value", one.name, one.text, one.what), one.what)
        parts.append(shown[one.name].text)
    if written := [name for name in left if _is_written(name, case)]:
        hints.append(f"Sent, as it is written in the cell, though it may be secret: {', '.join(written)}")
    if kept := [name for name in left if name not in written]:
        hints.append(f"Not sent, as it may be secret or is too much: {', '.join(kept)}")
    more = asking.render(shell, "", replace(asked, prompt="", raw=True))
    text = "\n\n".join(parts)
    blocks = [*more.blocks, {"type": "text", "text": text}]
    shown = {**shown, **more.shown}
    return Rendered(blocks, text, [*hints, *more.hints], {n: one.what for n, one in shown.items()}, shown)


def _is_written(name: str, case: Case) -> bool:
    """Return whether what is sent gives a secret's name its text."""
    given = re.compile(rf"\b{re.escape(name)}\s*(?::[^=\n]*)?=\s*\(*\s*[rRbBuUfF]*[\"']")
    return private.is_secret(name, "") and any(given.search(text) for text in case.sources.values())


def tagged(tag: str, name: str, text: str, what: str = "", *, called: str = "") -> str:
    """Return a text between tags on lines of their own; raises InputError for a secret or for too much.

    `called` is its name for the model, where that is not the reader's.
    """
    private.check(name, text)
    if len(text) > MOST_SOURCE:
        raise InputError(
            f"{name} has {len(text):,} characters, more than can be sent as a whole",
            hint="Split it into several cells, and run the one that fails.",
        )
    kind = f' type="{" ".join(what.replace(chr(34), chr(39)).split())}"' if what else ""
    return f'<{tag} of="{called or name}"{kind}>\n{text.rstrip()}\n</{tag}>'


def lines(text: str) -> str:
    """Return the size of a source in lines."""
    count = text.rstrip().count("\n") + 1
    return f"{count:,} line{'s' * (count != 1)}"


def _near(shell: Any, case: Case) -> Iterator[str]:
    """Yield the names that are like one that does not exist."""
    error = case.failure and case.failure.error
    name = error.name if isinstance(error, NameError) else None
    if name:
        known = [*_namespace(shell, _own(shell, case)), *dir(builtins)]
        if near := difflib.get_close_matches(name, [n for n in known if not n.startswith("_")], cutoff=0.7):
            yield f"Names that exist and are like `{name}`: {', '.join(f'`{n}`' for n in near)}."


def _named(shell: Any, case: Case) -> tuple[list[str], Mapping[str, Any]]:
    """Return the names in what failed, those where it failed first, and what they may stand for."""
    wanted: list[str] = []
    places = _own(shell, case)
    for place in places[-1:]:
        wanted += naming.names(linecache.getline(place.path, place.line).strip())
        if place.function != "<module>":
            wanted += place.frame.f_code.co_varnames
    for text in case.sources.values():
        wanted += naming.names(text)
    return list(dict.fromkeys(wanted)), _namespace(shell, places)


def _namespace(shell: Any, places: list[Place]) -> dict[str, Any]:
    """Return the notebook's names, and over them those of the function or script that failed."""
    inner = places[-1:]
    return {**asking.visible(shell), **(dict(inner[0].frame.f_locals) if inner else {})}


def _own(shell: Any, case: Case) -> list[Place]:
    """Return the frames of cells and of what they ran: not those of a library."""
    places = case.failure.places if case.failure else []
    return [
        p
        for p in places
        if p.frame.f_globals is shell.user_ns or tracebacks.shortened(p.path) in case.sources
    ]


# ---- what comes back ---------------------------------------------------------------------------------------


def _correction(case: Case, asked: str, answer: Answer) -> Correction | None:
    whole = answer.stop_reason not in CUT
    found = fences.code(str(answer), cut=not whole)
    if not found.text or found.language != "python":
        return None
    first, _, rest = found.text.partition("\n")
    for name, called in case.called.items():
        if re.fullmatch(rf"#\s*(?:{re.escape(name)}|{re.escape(called)}):?\s*", first, re.IGNORECASE):
            return Correction(case, asked, rest, name, whole)
    likest = max(case.sources, key=lambda name: _alike(case.sources[name], found.text))
    return Correction(case, asked, found.text, likest, whole)


def _alike(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one[:20_000], other[:20_000]).quick_ratio()


def _told(found: Correction | None, *, again: str) -> str:
    """Return what the reader can do now."""
    if found is None:
        return "There is no corrected cell in this answer."
    if not found.changes:
        return f"{found.of} would stay as it is."
    end = f", then run {found.case.outer} again" if found.of != found.case.outer else ""
    typed = f"{again} --apply puts the corrected {found.of} into a cell below"
    return f"{typed}; look at it, run it{end}.{CUT_SHORT * (not found.whole)}"


def _applied(shell: Any, made: Correction) -> Said:
    if not nextcell.insert(shell, made.cell):
        return Said("The corrected cell is too long for a cell; it is in _claude.code.")
    return Said(
        f"The corrected {made.of} is in the cell below. It has not run.{CUT_SHORT * (not made.whole)}"
    )


def _show(case: Case, found: Correction | None) -> None:
    if found is None:
        return
    made = diffs.diff(case.sources[found.of], found.code, found.of)
    if made is None:
        showing.note(f"The corrected {found.of} is too long to compare; it is in _claude.code.")
    elif made.lines:
        made.show()
