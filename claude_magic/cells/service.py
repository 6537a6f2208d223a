"""What do %claude files, skills, batches, admin and replay do?

One function for each row of `verbs.VERBS`, found in `DO`. A list is a DataFrame, one thing a Record.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_magic.api import called
from claude_magic.api.called import PAGE
from claude_magic.cells import asking, organizing, recordings
from claude_magic.cells.jobs import Job, each, ids_of
from claude_magic.errors import InputError
from claude_magic.grammar import verbs
from claude_magic.looks import views
from claude_magic.prompts import references
from claude_magic.protocol.saving import place
from claude_magic.show import listings
from claude_magic.show.listings import listed, see, table
from claude_magic.talk import current, uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from claude_magic.cells.jobs import Said
    from claude_magic.grammar.cell import CommandCall
    from claude_magic.wire import Record


def run(shell: Any, call: CommandCall) -> Any:
    """Do what a line says and return what the cell shows; raises ClaudeError."""
    asked = verbs.read(call.name, call.args)
    names = asking.visible(shell)
    values = [references.lookup(word, names) for word in asked.places]
    options = {
        name: [str(references.lookup(word, names)) for word in words] for name, words in asked.options.items()
    }
    client: Any = None if call.name == "replay" else current.client()
    return DO[f"{call.name} {asked.verb.name}"](Job(call.name, asked, values, client, options, names))


# ---- files -------------------------------------------------------------------------------------------------


def _files(job: Job, values: list[Any]) -> list[str]:
    return [called.file(job.client, word) for word in ids_of(values)]


def _file(job: Job) -> str:
    return called.file(job.client, job.first)


def _upload(job: Job) -> Record:
    what, name = job.values[0], job.option("--as")
    kind = None
    if hasattr(what, "columns"):
        name = name or f"{job.asked.places[0].strip('{}')}.csv"
    elif isinstance(what, str | os.PathLike):
        _must_exist(job, what, "file")
        kind = uploads.readable_type(name or os.fspath(what))
    return see("files", job.client.files.upload(what, filename=name, mime_type=kind))


def _must_exist(job: Job, path: str | os.PathLike[str], what: str) -> None:
    """Raise InputError for a path where nothing is; it names the variable that may be meant."""
    place = Path(path)
    if place.expanduser().exists():
        return
    typed = f"%claude {job.command} {job.asked.verb.name}"
    hint = f"Look for it from {Path.cwd()}"
    if os.fspath(path) in job.names:
        hint = f"To give the variable type {typed} {{{path}}}"
    raise InputError(f"There is no {what} {path}", hint=hint)


def _download(job: Job) -> Path | list[Path]:
    ids = _files(job, job.values[:1])
    facts = {one: job.client.files.retrieve_metadata(one) for one in ids}
    for known in facts.values():
        if known.get("downloadable") is False:
            raise InputError(
                f"{known.get('filename')} was uploaded, and only files that code made can be fetched",
                hint="%claude files shows which ones are downloadable.",
            )
    to = _to(job, str(facts[ids[0]].get("filename") or ""), several=len(ids) > 1)
    paths = [job.client.files.download(one, to) for one in ids]
    return paths if len(paths) > 1 else paths[0]


def _to(job: Job, filename: str, *, several: bool = False) -> str:
    """Return where something is fetched to: this folder, where nothing else is said.

    A name that is not there yet is that of a folder, where several are fetched or it lacks the ending.
    """
    to = ids_of(job.values[1:])[0] if job.values[1:] else "."
    bare = not Path(to).suffix and bool(Path(filename).suffix)
    is_new = not Path(to).expanduser().exists()
    return f"{to}/" if is_new and (several or bare) else to


def _delete_files(job: Job) -> Said:
    ids = _files(job, job.values)
    said = each(job, "files", job.client.files.delete, ids)
    uploads.forget(ids)
    return said


# ---- skills ------------------------------------------------------------------------------------------------


def _skill(job: Job) -> str:
    return called.skill(job.client, job.first)


def _create_skill(job: Job) -> Record:
    name = job.option("--as")
    named = {"display_name": name} if name else {}
    return see("skills", job.client.skills.create(files=_bundle(job, job.values[0]), **named))


def _update_skill(job: Job) -> Record:
    found: Record = job.client.skills.versions.create(_skill(job), files=_bundle(job, job.values[1]))
    return found


def _bundle(job: Job, what: Any) -> Any:
    if isinstance(what, str | os.PathLike):
        _must_exist(job, what, "folder or zip")
    return what


def _download_skill(job: Job) -> Path:
    skill = _skill(job)
    version = str(job.client.skills.retrieve(skill)["latest_version_id"])
    name = job.client.skills.versions.retrieve(skill, version).get("name") or skill
    to = place(_to(job, f"{name}.zip"), f"{name}.zip")
    feed = job.client.skills.versions.download(version, skill_id=skill)
    path: Path = feed.write_to_file(to)
    return path


def _delete_skills(job: Job) -> Said:
    return each(job, "skills", job.client.skills.delete, [called.skill(job.client, w) for w in job.all])


# ---- batches -----------------------------------------------------------------------------------------------


def _results(job: Job) -> pd.DataFrame:
    from claude_magic.frames.results import results

    batch = job.client.messages.batches.retrieve(job.first)
    if batch.get("processing_status") != "ended":
        raise InputError(
            f"{job.first} is {str(batch.get('processing_status')).replace('_', ' ')}; "
            "its results are there when it has ended",
            hint=f"Look again: %claude batches get {job.first}",
        )
    return views.shown(results(job.client.messages.batches.results(job.first)), listings.columns)


DO: dict[str, Callable[[Job], Any]] = {
    "files list": lambda job: listed("files", job.client.files.list(limit=PAGE)),
    "files get": lambda job: see("files", job.client.files.retrieve_metadata(_file(job))),
    "files upload": _upload,
    "files download": _download,
    "files delete": _delete_files,
    "skills list": lambda job: listed("skills", job.client.skills.list(limit=PAGE)),
    "skills get": lambda job: see("skills", job.client.skills.retrieve(_skill(job))),
    "skills create": _create_skill,
    "skills update": _update_skill,
    "skills versions": lambda job: table(
        "versions", job.client.skills.versions.list(_skill(job), limit=PAGE)
    ),
    "skills download": _download_skill,
    "skills delete": _delete_skills,
    "batches list": lambda job: listed("batches", job.client.messages.batches.list(limit=PAGE)),
    "batches get": lambda job: see("batches", job.client.messages.batches.retrieve(job.first)),
    "batches results": _results,
    "batches cancel": lambda job: each(job, "batches", job.client.messages.batches.cancel),
    "batches delete": lambda job: each(job, "batches", job.client.messages.batches.delete),
    **organizing.DO,
    **recordings.DO,
}
