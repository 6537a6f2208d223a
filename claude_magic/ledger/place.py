"""Can SQLite lock files in this folder, and is the process that wrote a mark still alive?"""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

NETWORK = frozenset(
    """nfs nfs4 cifs smb smb2 smb3 smbfs 9p afs lustre ceph glusterfs gpfs beegfs ocfs2 gfs2 pvfs2
    ncpfs""".split()  # noqa: SIM905 - a list of words is easier to read so
)
"""File systems on which SQLite's WAL hangs or corrupts: https://www.sqlite.org/wal.html (one host only)."""
LOCAL_FUSE = frozenset(
    ("fuse.ntfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.ext4", "fuse.zfs", "fuse.fuse-overlayfs")
)


def is_network(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Say whether a folder lies on a network file system; told on Linux, and by UNC paths on Windows."""
    if str(folder).startswith("\\\\"):
        return True
    kind = file_system(folder, mounts)
    return kind in NETWORK or (kind.startswith("fuse.") and kind not in LOCAL_FUSE)


def file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """Return the type of the file system that holds a folder, or "" where that cannot be told."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    real = Path(os.path.realpath(folder))
    best, found = -1, ""
    for line in lines:
        fields = line.split()
        point = Path(fields[1].replace("\\040", " ").replace("\\134", "\\")) if len(fields) > 2 else None
        if point and (point == real or point in real.parents) and len(point.parts) >= best:
            best, found = len(point.parts), fields[2]
    return found


def mark() -> str:
    """Return a text that names this process among all that ever ran: host, boot, namespace, pid, start."""
    return _mark(os.getpid())


@functools.cache
def _mark(pid: int) -> str:
    return "|".join((*_machine(), str(pid), _started(pid)))


def is_gone(text: str) -> bool:
    """Say whether the process of a `mark` is known to have ended; False where that cannot be told."""
    *machine, pid, started = text.split("|")
    here = _machine()
    if len(machine) != len(here) or machine[0] != here[0]:
        return False
    if machine[1] != here[1]:  # the machine was started again
        return True
    if machine != list(here) or not pid.isdecimal() or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return _started(int(pid)) != started


@functools.cache
def _machine() -> tuple[str, str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot = space = ""
    return platform.node().replace("|", "/"), boot, space


def _started(pid: int) -> str:
    """Return when a process began, in clock ticks since the boot; "" where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""
