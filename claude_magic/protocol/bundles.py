"""Which files make up a skill?

One top folder with SKILL.md in it, under 30 MB: https://platform.claude.com/docs/en/build-with-claude/skills-guide.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from claude_magic.errors import InputError
from claude_magic.protocol import body

MOST = 30 * 2**20  # bytes, unpacked


def parts(files: Any) -> list[body.Part]:
    """Return the parts of a skill: from its folder, a zip, or a list of files; raises InputError.

    Hidden files and `__pycache__` are left out of a folder. In a list a relative path keeps its folders.
    """
    if isinstance(files, str | os.PathLike) and (folder := Path(os.fsdecode(files)).expanduser()).is_dir():
        return _folder(folder.resolve())
    alone = isinstance(files, str | os.PathLike | bytes | tuple | body.Part) or hasattr(files, "read")
    if not alone and not isinstance(files, Iterable):
        text = f"An object of type {type(files).__name__} is no skill"
        raise InputError(text, hint="Give its folder, a zip or a list of files.")
    return [_one(file) for file in ([files] if alone else files)]


def _one(file: Any) -> body.Part:
    path = Path(os.fsdecode(file)) if isinstance(file, str | os.PathLike) else None
    return body.part(file, path.as_posix() if path and not path.is_absolute() and path.is_file() else None)


def _folder(folder: Path) -> list[body.Part]:
    found = [body.part(file, file.relative_to(folder.parent).as_posix()) for file in _inside(folder)]
    if not (folder / "SKILL.md").is_file():
        raise InputError(f"There is no SKILL.md in {folder}", hint="Give the folder that holds SKILL.md.")
    size = sum(one.content.size for one in found)
    if size >= MOST:
        text = f"{folder} holds {size / 2**20:.1f} MB; a skill is less than 30 MB"
        raise InputError(text, hint="Leave files out.")
    return found


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder by name; refuse a link that leads out of it."""
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder).parts
        if path.is_file() and not any(name[:1] == "." or name == "__pycache__" for name in within):
            if not path.resolve().is_relative_to(folder):
                raise InputError(f"{path} leads out of the skill's folder", hint="Copy the file into it.")
            yield path
