"""What does `claude-magic` do in a terminal?"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from claude_magic import __version__
from claude_magic.errors import ClaudeError, ConfigError, InputError, nearest, printable
from claude_magic.frames.usage import BY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STARTUP = "50-claude-magic.py"
PLACES = ("user", "sys-prefix")
IN_A_TERMINAL = {
    # what an error of the package says to type in a notebook -> what is typed here
    "%claude login": "claude-magic login",
    "%claude models": "claude-magic models",
    "%claude practice on": "CLAUDE_MAGIC_PRACTICE=1",
    "%pip ": "pip ",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error is two lines on stderr."""
    args = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int | None] = args.run
    try:
        return run(args) or 0
    except ClaudeError as error:
        said = "\n".join(error.lines())
        for notebook, here in IN_A_TERMINAL.items():
            said = said.replace(notebook, here)
        print(said, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `claude-magic models | head`
        sys.stderr.close()
        return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and which word may have been meant; exits with 2."""
        wrong = re.fullmatch(r"(.*invalid choice: '([^']*)') \(choose from (.*)\)", message)
        near = nearest(wrong[2], re.findall(r"[\w-]+", wrong[3])) if wrong else None
        super().error(f"{wrong[1]}; did you mean {near}?" if wrong and near else message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="claude-magic", description="The whole Claude API in a notebook.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(run=lambda _: parser.print_help())
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(run: Callable[[argparse.Namespace], int | None], help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(run.__name__, help=help, description=help)
        made.set_defaults(run=run)
        return made

    one = command(quickstart, "Run or open the quickstart notebook in practice mode.")
    where = one.add_mutually_exclusive_group()
    where.add_argument("--lab", action="store_true", help="open it in JupyterLab")
    where.add_argument("--headless", action="store_true", help="run it in this terminal")

    one = command(practice, "Serve the practice API on a port.")
    one.add_argument("--port", type=int, default=8484, help="port, 0 for a free one (default: %(default)s)")
    one.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s, this machine only; 0.0.0.0: the network too)",
    )
    one.add_argument("--speed", type=float, metavar="TOKENS", help="tokens a second; at once when not given")
    one.add_argument("--script", type=Path, metavar="LESSON.toml", help="pattern/answer pairs of a lesson")

    one = command(config, "Say whether new kernels have the magics from their start, or change that.")
    _places(one)

    one = command(usage, "Print what was used and what it cost.")
    one.add_argument("--by", metavar="COLUMN", help=f"sums for each {', '.join(BY[:-1])} or {BY[-1]}")

    one = command(estimate, "Print what a notebook's questions would take and cost; nothing is asked.")
    one.add_argument("notebook", help="its file")

    one = command(bill, "Print what the answers in executed notebooks cost.")
    one.add_argument("notebooks", nargs="+", metavar="notebook", help="a file, or a folder of them")
    how = one.add_mutually_exclusive_group()
    how.add_argument("--csv", action="store_true", help="as lines of CSV")
    how.add_argument("--json", action="store_true", help="as a list of objects")

    one = command(replay, "Look at a file of recorded answers, such as lesson.replay.jsonl.")
    one.add_argument(
        "what", choices=("check", "list"), help="check: was a line edited since? list: what is in it"
    )
    one.add_argument("file", type=Path, help="the file, or the notebook it lies beside")

    command(models, "Print the models, their limits and their prices.")
    one = command(login, "Keep a key for this account.")
    one.add_argument("--keyring", action="store_true", help="in the system's keyring instead of a file")
    command(logout, "Forget the key.")
    command(version, "Print the version.")
    return parser


def _places(one: argparse.ArgumentParser) -> None:
    """Add the flags of `config`: what to do, and where."""
    what = one.add_mutually_exclusive_group()
    where = one.add_mutually_exclusive_group()
    for group, dest, word, help in (
        (what, "what", "enable", "on (for --user when no place is given)"),
        (what, "what", "disable", "off (in every place when none is given)"),
        (what, "what", "list", "say what is on (default)"),
        (where, "where", "user", "for all my kernels"),
        (where, "where", "sys-prefix", "for this Python only"),
    ):
        group.add_argument(f"--{word}", dest=dest, action="store_const", const=word, help=help)
    one.set_defaults(what="list", where=None)


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


def config(args: argparse.Namespace) -> int:
    """Write, remove or show the file that gives every new kernel `%claude` without `%load_ext`."""
    if args.what == "enable":
        _enable(startup_file(args.where or PLACES[0]))
    elif args.what == "disable":
        return _disable([args.where] if args.where else PLACES)
    else:
        _list()
    return 0


def _enable(path: Path) -> None:
    from claude_magic.quickstart import shipped

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shipped(f"jupyter-config/startup/{STARTUP}").read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be changed: {error.strerror}", hint="Try --user, or ask who runs this machine."
        ) from None
    print(f"On from the next kernel start: {path}")


def _disable(places: Sequence[str]) -> int:
    """Remove the file from places, print what is on after that, and return 1 where one would not go."""
    kept = {place: why for place in places if (why := _removed(startup_file(place)))}
    _list()
    still = [place for place in PLACES if startup_file(place).exists()]
    for place in still:
        if place in kept:
            print(f"Still on: {startup_file(place)} cannot be removed: {kept[place]}", file=sys.stderr)
            print(
                f"→ sudo '{sys.executable}' -m claude_magic.cli config --disable --{place}\n"
                "→ or for yourself only: export CLAUDE_MAGIC_AUTOLOAD=0",
                file=sys.stderr,
            )
        else:
            print(f"Still on for --{place}; off with: claude-magic config --disable --{place}")
    if not still:
        print("Off from the next kernel start.")
    return 1 if kept else 0


def _removed(path: Path) -> str:
    """Remove a file and return why it could not be, or nothing."""
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return ""  # a file stands where its folder would be: it is not there
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _list() -> None:
    for where in PLACES:
        path = startup_file(where)
        print(f"{where:<12}{'on ' if path.exists() else 'off'}  {path}")
    if os.environ.get("CLAUDE_MAGIC_AUTOLOAD") == "0":
        print("CLAUDE_MAGIC_AUTOLOAD=0 turns both off")


def usage(args: argparse.Namespace) -> None:
    """Print the usage frame."""
    from claude_magic import frames

    print(frames.usage(by=args.by).to_string())


def replay(args: argparse.Namespace) -> int:
    """Print what is recorded in a file, or the lines that were edited; 1 where there are any."""
    from claude_magic.cells import recordings
    from claude_magic.talk import replaying

    path = replaying.place(args.file).value
    if not path.exists():
        raise InputError(f"There is no file {path}", hint="Give the path of a *.replay.jsonl file.")
    tape = replaying.opened(path)
    if args.what == "list":
        print(recordings.frame(tape.exchanges()).to_string())
        return 0
    edited = tape.verify()
    for line in edited:
        print(f"{path.name}, line {line.line}: {line.why}")
    if not edited:
        print(f"{path.name}: {len(tape)} recorded, none edited")
    return 1 if edited else 0


def estimate(args: argparse.Namespace) -> None:
    """Print the questions of a notebook and their total."""
    from claude_magic.cells import reports

    print(reports.estimate(args.notebook, {}).to_string())


def bill(args: argparse.Namespace) -> None:
    """Print a row for each notebook, source and model, then the sums; what could not be read on stderr."""
    from claude_magic.money import billing

    found = billing.bill(args.notebooks)
    for note in found.attrs["notes"]:
        print(printable(note), file=sys.stderr)
    if args.csv or args.json:
        sys.stdout.write(
            found.to_csv(index=False) if args.csv else f"{found.to_json(orient='records', indent=1)}\n"
        )
        return
    if len(found):
        print(billing.shown(found).to_string(index=False))
    print("\n".join(billing.lines(found)))


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
    from claude_magic import keys, settings

    kept = keys.key_path().exists() or settings.saved().get("key_in") == "keyring"
    settings.forget_key()
    print("Forgotten." if kept else "No key was kept.", "A key in the environment stays there.")


def version(_: argparse.Namespace) -> None:
    """Print the version."""
    print(__version__)


if __name__ == "__main__":
    sys.exit(main())
