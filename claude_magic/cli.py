"""What does `claude-magic` do in a terminal?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from claude_magic.errors import ClaudeError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STARTUP = "50-claude-magic.py"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error is two lines on stderr."""
    args = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int | None] = args.run
    try:
        return run(args) or 0
    except ClaudeError as error:
        print(*error.lines(), sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `claude-magic models | head`
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="claude-magic", description="The whole Claude API in a notebook.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(run: Callable[[argparse.Namespace], int | None], help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(run.__name__, help=help, description=help)
        made.set_defaults(run=run)
        return made

    one = command(quickstart, "Run or open the quickstart notebook in practice mode.")
    where = one.add_mutually_exclusive_group()
    where.add_argument("--lab", action="store_true", help="open it in JupyterLab")
    where.add_argument("--headless", action="store_true", help="run it in this terminal")

    one = command(practice, "Serve the practice API on a port.")
    one.add_argument("--port", type=int, default=8484)
    one.add_argument("--host", default="127.0.0.1")
    one.add_argument("--speed", type=float, metavar="TOKENS", help="tokens a second; at once when not given")
    one.add_argument("--script", type=Path, metavar="LESSON.toml", help="pattern/answer pairs of a lesson")

    one = command(config, "Say whether new kernels have the magics from their start, or change that.")
    what = one.add_mutually_exclusive_group()
    what.add_argument("--enable", dest="what", action="store_const", const="enable")
    what.add_argument("--disable", dest="what", action="store_const", const="disable")
    what.add_argument("--list", dest="what", action="store_const", const="list")
    where = one.add_mutually_exclusive_group()
    where.add_argument("--user", dest="where", action="store_const", const="user", help="for all my kernels")
    where.add_argument(
        "--sys-prefix", dest="where", action="store_const", const="sys-prefix", help="for this Python only"
    )
    one.set_defaults(what="list", where="user")

    one = command(usage, "Print what was used and what it cost.")
    one.add_argument("--by", help="model, notebook, thread, source, day, …")

    command(models, "Print the models, their limits and their prices.")
    one = command(login, "Keep a key for this account.")
    one.add_argument("--keyring", action="store_true", help="in the system's keyring instead of a file")
    command(logout, "Forget the key.")
    command(version, "Print the version.")
    return parser


def quickstart(args: argparse.Namespace) -> int:
    """Open the quickstart in JupyterLab, or run it here; everything in practice mode."""
    from claude_magic import quickstart as first

    print("Practice mode: answers come from this machine, nothing is sent and nothing costs anything.")
    if args.lab or (not args.headless and first.has_display()):
        return first.in_lab(first.copied(Path.cwd()))
    code = first.in_terminal(first.shipped(f"notebooks/{first.NOTEBOOK}"))
    if not code:
        print("\nThat was practice. With a key (claude-magic login) the same cells ask Claude.")
    return code


def practice(args: argparse.Namespace) -> None:
    """Serve the practice API until interrupted."""
    from claude_magic.practice.server import serve

    serve(args.port, host=args.host, speed=args.speed, script=args.script)


def startup_file(where: str) -> Path:
    """Return where the start-up file is or would be, for "user" or "sys-prefix"."""
    if where == "sys-prefix":
        return Path(sys.prefix) / "etc" / "ipython" / "startup" / STARTUP
    from IPython.paths import get_ipython_dir

    return Path(get_ipython_dir()) / "profile_default" / "startup" / STARTUP


def config(args: argparse.Namespace) -> None:
    """Write, remove or show the file that gives every new kernel `%claude` without `%load_ext`."""
    path = startup_file(args.where)
    try:
        if args.what == "enable":
            from claude_magic.quickstart import shipped

            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(shipped(f"jupyter-config/startup/{STARTUP}").read_bytes())
            print(f"On from the next kernel start: {path}")
        elif args.what == "disable":
            path.unlink(missing_ok=True)
            print(f"Off from the next kernel start: {path} is not there")
        else:
            _list()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be changed: {error.strerror}", hint="Try --user, or ask who runs this machine."
        ) from None


def _list() -> None:
    import os

    for where in ("user", "sys-prefix"):
        path = startup_file(where)
        print(f"{where:<12}{'on ' if path.exists() else 'off'}  {path}")
    if os.environ.get("CLAUDE_MAGIC_AUTOLOAD") == "0":
        print("CLAUDE_MAGIC_AUTOLOAD=0 turns both off")


def usage(args: argparse.Namespace) -> None:
    """Print the usage frame."""
    from claude_magic import frames

    print(frames.usage(by=args.by).to_string())


def models(_: argparse.Namespace) -> None:
    """Print the models' frame."""
    from claude_magic import frames

    print(frames.models().to_string())


def login(args: argparse.Namespace) -> None:
    """Read a key without showing it and keep it."""
    import getpass

    from claude_magic import settings

    settings.save_key(
        getpass.getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline().strip(),
        where="keyring" if args.keyring else "file",
    )
    print("Kept. Notebooks use it from their next cell on.")


def logout(_: argparse.Namespace) -> None:
    """Forget the key kept by `login`."""
    from claude_magic import settings

    settings.forget_key()
    print("Forgotten. A key in the environment stays there.")


def version(_: argparse.Namespace) -> None:
    """Print the version."""
    from claude_magic import __version__

    print(__version__)


if __name__ == "__main__":
    sys.exit(main())
