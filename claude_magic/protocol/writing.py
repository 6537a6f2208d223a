"""How does a frame become the bytes of a file?

Whatever library it is of: what it can write is asked of the frame itself.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from claude_magic.errors import InputError

WRITERS = {
    # how the name ends, and the methods of pandas and polars that write it
    **dict.fromkeys((".csv", ".txt", ""), ("to_csv", "write_csv")),
    ".parquet": ("to_parquet", "write_parquet"),
    ".xlsx": ("to_excel", "write_excel"),
}


def frame(value: Any, name: str, hint: str) -> bytes:
    """Return a frame as a file of the kind that its name says; raises InputError, with a hint for no frame.

    An index is written unless it only counts the rows.
    """
    kind = Path(name).suffix.lower()
    write = next((getattr(value, w) for w in WRITERS.get(kind, WRITERS[""]) if hasattr(value, w)), None)
    if write is None:
        raise InputError(f"An object of type {type(value).__name__} cannot be uploaded", hint=hint)
    if kind not in WRITERS:
        hint = "Let the name end in .csv, .parquet or .xlsx, or write it to a file and give its path."
        raise InputError(f"A frame cannot be written as {name}", hint=hint)
    plain = type(getattr(value, "index", None)).__name__ == "RangeIndex"
    options = {"index": False} if plain and kind != ".parquet" else {}
    held = io.BytesIO()
    try:
        if "csv" in write.__name__:
            return str(write(**options)).encode()
        write(held, **options)
    except Exception as error:  # whatever pandas, pyarrow or polars say
        why, *_ = str(error).splitlines() or [type(error).__name__]
        hint = "Write it to a file and give its path."
        if isinstance(error, ImportError):
            hint = f"%pip install {error.name or 'pyarrow'}, or let its name end in .csv."
        raise InputError(f"The frame cannot be written as {name}: {why}", hint=hint) from None
    return held.getvalue()
