"""What did the answers in executed notebooks cost?

The cells of claude_magic keep figures with their outputs, never a prompt or a key, and so does the line at
the end of a map. They are added up exactly; practice and replays stand apart, as neither was paid. What
leaves no such output leaves no figures: cells with -q, batches, and other calls from Python. They are
counted, and the ledger has what they cost: `claude_magic.usage()`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_magic import limits, settings
from claude_magic.errors import ClaudeError, InputError, printable
from claude_magic.grammar.cell import Ask, OverRows
from claude_magic.grammar.words import short
from claude_magic.money import notebookfile
from claude_magic.protocol.catalog import added

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

PAID = ("live", "batch")
"""The sources that were paid for."""
TOKENS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
COLUMNS = ("notebook", "source", "model", "answers", *TOKENS, "cost_usd", "paid_usd", "unpriced")


def bill(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> pd.DataFrame:
    """Return what notebooks' answers cost, a row for each notebook, source and model; money in USD.

    `paths` are notebooks or folders of them. `paid_usd` is `cost_usd` where it was paid, 0 for practice and
    replays; `unpriced` says how many answers have no price, and are in no sum. An answer that is in several
    outputs or notebooks counts once, where it was first seen. `.attrs["notes"]` names what could not be read
    or has no figures, `.attrs["unseen"]` counts the calls whose cost no output has. Raises InputError for a
    path that is not there, and where nothing can be read.
    """
    import pandas as pd

    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    notes, unread, unseen = list[str](), 0, 0
    seen: set[Any] = set()
    files = _files([paths] if isinstance(paths, str) or not isinstance(paths, Iterable) else list(paths))
    for file in files:
        try:
            cells = notebookfile.read(file)
        except InputError as error:
            notes.append(error.message)
            unread += 1
            continue
        unseen += sum(map(_unseen, cells))
        found = [facts for cell in cells for facts in _answers(cell) if _is_new(facts, seen)]
        if not found:
            notes.append(f"{file} has no figures of claude_magic")
        for facts in found:
            key = (str(file), _word(facts, "source", "live"), _word(facts, "model", "unknown"))
            rows.setdefault(key, []).append(facts)
    if unread == len(files):
        raise InputError("; ".join(notes), hint="Give the paths of .ipynb files.")
    frame = pd.DataFrame([_row(key, facts) for key, facts in rows.items()], columns=list(COLUMNS))
    frame.attrs |= {"notes": notes, "unseen": unseen}
    return frame.astype(dict.fromkeys(("answers", *TOKENS, "unpriced"), "int64"))


def lines(frame: pd.DataFrame) -> list[str]:
    """Return in words what was paid, what practice and replays would have cost, and what is not known."""
    told = [f"Paid: {_usd(frame.paid_usd)}"]
    for source, group in frame[~frame.source.isin(PAID)].groupby("source"):
        told.append(f"{source}: {_usd(group.cost_usd)} at the API's prices, not paid")
    if unpriced := int(frame.unpriced.sum()):
        told.append(f"price unknown of {unpriced} answer{'' if unpriced == 1 else 's'}, which no sum has")
    if unseen := frame.attrs.get("unseen"):
        calls = f"{unseen} call{' is' if unseen == 1 else 's are'} not in it"
        told.append(f"{calls} (from Python, in a batch or with -q): claude_magic.usage() has what they cost")
    return told


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a bill to read, without columns that say nothing."""
    found = frame.assign(
        **{name: [limits.usd(_exact(v)) for v in frame[name]] for name in ("cost_usd", "paid_usd")}
    )
    return found.drop(columns=[name for name in (*TOKENS, "unpriced") if not frame[name].any()])


def _files(paths: Sequence[Any]) -> list[Path]:
    found: list[Path] = []
    if wrong := [one for one in paths if not isinstance(one, str | os.PathLike)]:
        raise InputError(f"{short(repr(wrong[0]))} is not the path of a notebook", hint=notebookfile.HOW)
    for path in (Path(one).expanduser() for one in paths):
        if not path.exists():
            raise InputError(f"There is no file {path}", hint="Give the path of an .ipynb file or a folder.")
        inside = sorted(p for p in path.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
        found += inside if path.is_dir() else [path]
    if not found:
        raise InputError("There is no notebook", hint=notebookfile.HOW)
    return list(dict.fromkeys(found))


def _kept(cell: notebookfile.Cell) -> Iterator[dict[str, Any]]:
    """Yield what a cell's outputs keep."""
    for output in cell.outputs:
        metadata = output.get("metadata")
        kept = metadata.get("claude_magic") if isinstance(metadata, dict) else None
        if isinstance(kept, dict):
            yield kept


def _answers(cell: notebookfile.Cell) -> Iterator[dict[str, Any]]:
    """Yield the facts of a cell's answers; a comparison and a map keep several in one output."""
    for kept in _kept(cell):
        several = kept.get("compare", kept.get("rows"))
        for facts in several if isinstance(several, list) else [kept]:
            if isinstance(facts, dict) and ("usage" in facts or "cost" in facts):
                yield facts


def _unseen(cell: notebookfile.Cell) -> int:
    """Return how many calls of a cell are in none of its outputs."""
    code = notebookfile.code(cell.source)
    if code is None:
        return 0
    shown = sum("rows" in kept for kept in _kept(cell))
    maps = [name for name in code.calls if notebookfile.is_over_rows(name)]
    silent = sum(_is_silent(magic) for magic in code.magics if magic.name == "claude")
    return len(code.calls) - len(maps) + max(len(maps) - shown, 0) + silent


def _is_silent(magic: notebookfile.Magic) -> bool:
    """Say whether a cell asks without showing what came of it."""
    try:
        asked = notebookfile.asked(magic, settings.aliases())
    except ClaudeError:
        return False
    ask = asked if isinstance(asked, Ask) else asked.ask
    in_batch = isinstance(asked, OverRows) and asked.verb == "batch"
    return ask is not None and (ask.quiet or in_batch) and not ask.dry_run


def _is_new(facts: Mapping[str, Any], seen: set[Any]) -> bool:
    """Say whether an answer was not counted yet; practice gives the same ids again and again."""
    name = facts.get("request_id", facts.get("id"))
    if not isinstance(name, str) or _word(facts, "source", "live") not in PAID:
        return True
    new = name not in seen
    seen.add(name)
    return new


def _row(key: tuple[str, str, str], found: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [_amount(facts.get("cost")) for facts in found]
    cost = float(added(c for c in costs if c is not None) or 0)
    paid = cost if key[1] in PAID else 0.0
    tokens = {name: sum(_tokens(facts, name) for facts in found) for name in TOKENS}
    unpriced = sum(_count(facts) for facts, usd in zip(found, costs, strict=True) if usd is None)
    made = {**dict(zip(COLUMNS, key, strict=False)), "answers": sum(map(_count, found)), **tokens}
    return {**made, "cost_usd": cost, "paid_usd": paid, "unpriced": unpriced}


def _count(facts: Mapping[str, Any]) -> int:
    """Return how many answers facts are of: those of a map are added up already."""
    count = facts.get("answers")
    return count if type(count) is int and count > 0 else 1


def _tokens(facts: Mapping[str, Any], name: str) -> int:
    usage = facts.get("usage")
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and count > 0 else 0


def _amount(value: Any) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def _word(facts: Mapping[str, Any], name: str, default: str) -> str:
    value = facts.get(name)
    return printable(value)[:100] if isinstance(value, str) and value else default


def _usd(costs: Any) -> str:
    return limits.usd(_exact(costs.sum()))


def _exact(amount: float) -> Decimal:
    return Decimal(repr(round(float(amount), 12)))  # what adding floats leaves behind is not shown
