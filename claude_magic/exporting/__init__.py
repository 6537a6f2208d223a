"""How does a conversation leave the notebook?

As a Python program, a notebook of `%%claude` cells, a curl command or lines of JSON, without keys (K1). A
program and a command ask the last question again, with all that was said before it.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import settings, wire
from claude_magic.cassette import clean
from claude_magic.errors import ClaudeError, InputError, nearest
from claude_magic.exporting import notebook, program
from claude_magic.exporting.parts import apart
from claude_magic.grammar import words
from claude_magic.keys import DEFAULT_BASE_URL, Secret, is_private
from claude_magic.prompts import private
from claude_magic.protocol import saving
from claude_magic.talk import compose, making
from claude_magic.tools.toolbox import Toolbox

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from claude_magic.talk.thread import Thread

SHORT = 1000  # characters of base64 that may stand in a text


class Exported(NamedTuple):
    """A conversation as a text, and the files that lie beside it, by name."""

    text: str
    files: dict[str, bytes]


class Form(NamedTuple):
    """A form to export to: the end of its files' names, and what makes it of a body, for a file of a stem."""

    suffix: str
    make: Callable[[dict[str, Any], Thread, str], Exported]


def text(thread: Thread, form: str = "python") -> str:
    """Return a conversation as "python", "notebook", "curl" or "jsonl"; raises InputError.

    Long data, such as an image's, is a note in it.
    """
    return _made(thread, _known(form), "").text


def write(thread: Thread, path: str | os.PathLike[str]) -> list[Path]:
    """Write a conversation in the form that the path's end says, and its files beside it; return the paths.

    What is there is written over, and whole at every moment. Raises InputError.
    """
    target = Path(path).expanduser()
    made = _made(thread, _of(target), target.stem)
    paths = [*(target.parent / name for name in made.files), target]
    for where, data in zip(paths, (*made.files.values(), made.text.encode()), strict=True):
        if where.parent != target.parent:
            try:
                where.parent.mkdir(exist_ok=True)
            except OSError as error:
                why = error.strerror or "it cannot be made"
                raise InputError(f"{where.parent}: {why}", hint="Give another path.") from None
        with saving.Unfinished(where) as file:
            file.write(data)
    return [target, *paths[:-1]]


def _known(form: str) -> str:
    if form in FORMS:
        return form
    near = nearest(form, FORMS)
    raise InputError(
        f"There is no form {words.short(form)!r} to export to",
        hint=f"Did you mean {near}?" if near else f"Choose from {', '.join(FORMS)}.",
    )


def _of(path: Path) -> str:
    found = next((name for name, form in FORMS.items() if path.suffix == form.suffix), None)
    if found is None:
        ends = ", ".join(f"{form.suffix} ({name})" for name, form in FORMS.items())
        raise InputError(f"{path.name} does not say what to write", hint=f"Let it end in {ends}.")
    return found


def _made(thread: Thread, form: str, stem: str) -> Exported:
    if not thread.turns:
        where = f"the conversation {thread.name}" if thread.name else "this conversation"
        raise InputError(f"There is nothing said in {where}", hint="Ask something with %%claude first.")
    return FORMS[form].make(_clean(clean.value(request(thread), _keys())), thread, stem)


def request(thread: Thread) -> dict[str, Any]:
    """Return the body that asked a thread's last question, and its answer last.

    Where the thread does not know what it was asked with, the settings in force say it.
    """
    if last := thread.turns[-1].body:
        return {**_anywhere(last), "messages": thread.messages}
    params = Toolbox(thread.kit.tools, approve=lambda *_: False).parameters if thread.kit else {}
    room = making.room(thread.skills, None)
    model = thread.turns[-1].model or None
    try:
        return compose.compose(thread.messages, model=model, system=thread.system, params=params, room=room)
    except ClaudeError as error:
        error.hint += " An export is made with the settings in force."
        raise


def _anywhere(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without the container that it was asked in, which will be gone."""
    container = {k: v for k, v in (body.get("container") or {}).items() if k != "id"}
    made = {k: v for k, v in wire.plain(dict(body)).items() if k != "container"}
    return {**made, **({"container": container} if container else {})}


def _keys() -> tuple[Secret, ...]:
    try:
        key = settings.credential()
    except ClaudeError:
        return ()
    return (key.value,) if key and is_private(key.value) else ()


def _clean(value: Any) -> Any:
    """Return JSON without the environment's secrets and what is shaped like a key, of whole characters."""
    if isinstance(value, str):
        return private.without_secrets(wire.mended(value))
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value


# ---- the forms ---------------------------------------------------------------------------------------------


def _python(body: dict[str, Any], thread: Thread, stem: str) -> Exported:
    *said, answer = body["messages"]
    held, files = apart({**body, "messages": said}, f"{stem}_files/" if stem else "", SHORT)
    return Exported(program.script(held, answer, thread.name, sorted(files)), files if stem else {})


def _notebook(body: dict[str, Any], thread: Thread, stem: str) -> Exported:
    held, files = apart(body, f"{stem}_files/" if stem else "", 0)
    turns = _clean(clean.value([wire.plain(dict(turn.body or body)) for turn in thread.turns], _keys()))
    return Exported(notebook.cells(held["messages"], turns, thread, sorted(files)), files if stem else {})


def _curl(body: dict[str, Any], _: Thread, stem: str) -> Exported:
    body = {**body, "messages": body["messages"][:-1]}
    held, files = apart(body, "", SHORT)
    betas = held.pop("betas", None)
    data, beside = json.dumps(held, ensure_ascii=False, indent=1), {}
    if files and stem:
        body.pop("betas", None)
        beside = {f"{stem}.json": json.dumps(body, ensure_ascii=False, indent=1).encode()}
    headers = [
        "authorization: Bearer $ANTHROPIC_API_KEY",
        f"anthropic-version: {settings.option('anthropic_version').value}",
        "content-type: application/json",
        *([f"anthropic-beta: {','.join(betas)}"] if betas else []),
    ]
    lines = [f"curl {DEFAULT_BASE_URL}/v1/messages", *(f'  --header "{header}"' for header in headers)]
    note = "".join(f"# {name} is not in this text\n" for name in sorted(files)) if not beside else ""
    last = f"  --data @{shlex.quote(f'{stem}.json')}" if beside else f"  --data @- <<'JSON'\n{data}\nJSON"
    return Exported(note + " \\\n".join([*lines, last]) + "\n", beside)


def _jsonl(body: dict[str, Any], _: Thread, stem: str) -> Exported:
    said = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    messages = [*said, *body["messages"]]
    held = messages if stem else apart(messages, "", SHORT)[0]
    return Exported("".join(json.dumps(m, ensure_ascii=False) + "\n" for m in held), {})


FORMS: dict[str, Form] = {
    "python": Form(".py", _python),
    "notebook": Form(".ipynb", _notebook),
    "curl": Form(".sh", _curl),
    "jsonl": Form(".jsonl", _jsonl),
}
