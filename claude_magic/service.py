"""What do %claude files, skills, batches and admin do?

One function for each row of `verbs.VERBS`, found in `DO`. A list is a DataFrame, one thing a Record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import asking, current, organizing, prompt, uploads, verbs
from claude_magic.errors import InputError
from claude_magic.jobs import Job, each, ids_of
from claude_magic.listings import PAGE, listed, see, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from claude_magic.cell import CommandCall
    from claude_magic.jobs import Said
    from claude_magic.wire import Record


def run(shell: Any, call: CommandCall) -> Any:
    """Do what a line says and return what the cell shows; raises ClaudeError."""
    asked = verbs.read(call.name, call.args)
    names = asking.visible(shell)
    values = [prompt.lookup(word, names) for word in asked.places]
    options = {
        name: [str(prompt.lookup(word, names)) for word in words] for name, words in asked.options.items()
    }
    return DO[f"{call.name} {asked.verb.name}"](Job(call.name, asked, values, current.client(), options))


# ---- files -------------------------------------------------------------------------------------------------


def _upload(job: Job) -> Record:
    what = job.values[0]
    name = job.option("--as")
    if name is None and hasattr(what, "columns"):
        name = f"{job.asked.places[0].strip('{}')}.csv"
    return see("files", job.client.files.upload(what, filename=name))


def _download(job: Job) -> Path:
    facts = job.client.files.retrieve_metadata(job.first)
    if facts.get("downloadable") is False:
        raise InputError(
            f"{facts.get('filename')} was uploaded, and only files that code made can be fetched",
            hint="%claude files shows which ones are downloadable.",
        )
    path: Path = job.client.files.download(job.first, _to(job))
    return path


def _to(job: Job) -> str:
    """Return where a file is fetched to: this folder, where nothing else is said."""
    return ids_of(job.values[1:])[0] if job.values[1:] else "."


def _delete_files(job: Job) -> Said:
    said = each(job, "files", job.client.files.delete)
    uploads.forget(job.all)
    return said


# ---- skills ------------------------------------------------------------------------------------------------


def _create_skill(job: Job) -> Record:
    name = job.option("--as")
    named = {"display_name": name} if name else {}
    return see("skills", job.client.skills.create(files=job.first, **named))


def _download_skill(job: Job) -> Path:
    version = str(job.client.skills.retrieve(job.first)["latest_version_id"])
    found: Path = job.client.skills.versions.download(version, skill_id=job.first, to=_to(job))
    return found


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
    return results(job.client.messages.batches.results(job.first))


DO: dict[str, Callable[[Job], Any]] = {
    "files list": lambda job: listed("files", job.client.files.list(limit=PAGE)),
    "files get": lambda job: see("files", job.client.files.retrieve_metadata(job.first)),
    "files upload": _upload,
    "files download": _download,
    "files delete": _delete_files,
    "skills list": lambda job: listed("skills", job.client.skills.list(limit=PAGE)),
    "skills get": lambda job: see("skills", job.client.skills.retrieve(job.first)),
    "skills create": _create_skill,
    "skills update": lambda job: job.client.skills.versions.create(job.all[0], files=job.all[1]),
    "skills versions": lambda job: table("versions", job.client.skills.versions.list(job.first, limit=PAGE)),
    "skills download": _download_skill,
    "skills delete": lambda job: each(job, "skills", job.client.skills.delete),
    "batches list": lambda job: listed("batches", job.client.messages.batches.list(limit=PAGE)),
    "batches get": lambda job: see("batches", job.client.messages.batches.retrieve(job.first)),
    "batches results": _results,
    "batches cancel": lambda job: each(job, "batches", job.client.messages.batches.cancel),
    "batches delete": lambda job: each(job, "batches", job.client.messages.batches.delete),
    **organizing.DO,
}
