"""Which files make up a skill?

One top folder with SKILL.md in it, under 30 MB: https://platform.claude.com/docs/en/build-with-claude/skills-guide.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_magic import body
from claude_magic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 30 * 2**20  # bytes, unpacked
LEFT_OUT = ("__pycache__", ".git", ".ipynb_checkpoints", ".DS_Store")


def parts(files: Any) -> list[body.Part]:
    """Return the parts of a skill: from its folder, a zip, or a list of files; raises InputError."""
    if not isinstance(files, str | os.PathLike):
        return [body.part(file) for file in ([files] if isinstance(files, bytes | tuple) else files)]
    path = Path(files).expanduser()
    if not path.is_dir():
        return [body.part(path)]
    found = [
        body.part(file, file.relative_to(path.resolve().parent).as_posix())
        for file in _inside(path.resolve())
    ]
    if not any(one.filename.count("/") == 1 and one.filename.endswith("/SKILL.md") for one in found):
        raise InputError(f"There is no SKILL.md in {path}", hint="Give the folder that holds SKILL.md.")
    size = sum(one.content.size for one in found)
    if size >= MOST:
        raise InputError(
            f"{path} holds {size / 2**20:.1f} MB; a skill is less than 30 MB", hint="Leave files out."
        )
    return found


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder by name, without caches; refuse a link that leads out of it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not set(path.relative_to(folder).parts) & set(LEFT_OUT):
            if not path.resolve().is_relative_to(folder):
                raise InputError(f"{path} leads out of the skill's folder", hint="Copy the file into it.")
            yield path
