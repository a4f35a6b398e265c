"""The `segue` command: its command line, and the module of each subcommand.

A module is imported only when its command runs, so that `segue connect` and `--help` stay light. Each exports
`run(options) -> int`, the exit status.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

if not __package__:  # run by its path, as what starts a server does: in a wheel, `services` is in no other's sight
    sys.path.insert(0, str(Path(__file__).absolute().parents[2]))

from services.cli.printing import Unread, end_unread, plain_stream
from services.kit.systems import CAN_SERVE, NO_SERVER

Argument = tuple[str, Mapping[str, Any]]


class Command(NamedTuple):
    """A subcommand: its module in this package, and its arguments for argparse."""

    module: str
    help: str
    arguments: tuple[Argument, ...] = ()


CLIENTS = ("claude-code", "cursor", "vscode", "codex", "gemini")
_SCOPES: tuple[Argument, ...] = (
    ("client", {"choices": CLIENTS, "help": "which one"}),
    ("--user", {"action": "store_false", "dest": "project", "default": False, "help": "for all you do (the default)"}),
    ("--project", {"action": "store_true", "help": "for whoever works in this directory"}),
    ("--yes", {"action": "store_true", "help": "write without asking"}),
    ("--dry-run", {"action": "store_true", "help": "show what would change, and change nothing"}),
)

_DECISION: tuple[Argument, ...] = (
    ("what", {"metavar": "ID|OPERATION", "help": "a proposal, or an operation such as Bash, Edit, mcp__github__*"}),
    ("target", {"nargs": "?", "metavar": "TARGET", "help": "a command, a file; * is anything"}),
    ("--scope", {"choices": ("session", "project", "always"), "default": "project", "help": "where (%(default)s)"}),
    ("--exact", {"action": "store_true", "help": "a * in TARGET is a *"}),
    ("--expires", {"metavar": "8h", "help": "after how many hours, days, weeks, years: 8h, 30d, 2w, 1y"}),
)

COMMANDS: Mapping[str, Command] = {
    "serve": Command(
        "commands.serve",
        "everything in one process: gateway, sessions, memory, quality",
        (
            ("--host", {"default": "127.0.0.1", "help": "address to listen on (%(default)s)"}),
            ("--port", {"type": int, "default": 8377, "help": "port to listen on (%(default)s)"}),
            ("--background", {"action": "store_true", "help": "exit after some time without calls"}),
        ),
    ),
    "connect": Command(
        "commands.connect",
        "an MCP server on stdio that forwards to a gateway",
        (("url", {"nargs": "?", "metavar": "URL", "help": "the gateway (SEGUE_URL, else the local server)"}),),
    ),
    "install": Command(
        "commands.install",
        "registers Segue in Claude Code, Codex CLI and Gemini CLI; prints the lines for other clients",
        (*_SCOPES, ("--print", {"action": "store_true", "help": "print the lines, to add them by hand"})),
    ),
    "uninstall": Command(
        "commands.install", "removes what install wrote from a client's settings, and nothing else", _SCOPES
    ),
    "hook": Command(
        "hook",
        "what Claude Code's hooks call: JSON on stdin, JSON or nothing on stdout",
        (("event", {"metavar": "EVENT", "help": "SessionStart, Stop, … as the client names it"}),),
    ),
    "import": Command(
        "transfer.import_",
        "what other programs remember: transcripts, databases, exports, notes; safe to repeat",
        (
            ("paths", {"nargs": "*", "type": Path, "metavar": "PATH", "help": "a file, or a directory"}),
            ("--project", {"metavar": "NAME", "help": "file everything under this project"}),
            ("--deleted-too", {"action": "store_true", "help": "store also what was deleted before"}),
            ("--dry-run", {"action": "store_true", "help": "say what is there, and store nothing"}),
            ("--list", {"action": "store_true", "help": "the imports that can be undone"}),
            ("--undo", {"metavar": "ID|last", "help": "delete what an import stored"}),
        ),
    ),
    "events": Command(
        "events",
        "what happens, as it happens; intakes through which GitHub and GitLab report; what receivers refused",
        (
            ("action", {"choices": ("tail", "intakes", "add", "revoke", "dead"), "help": "what to do"}),
            (
                "which",
                {
                    "nargs": "?",
                    "metavar": "WHICH",
                    "help": "github, gitlab; an intake to revoke; retry, drop",
                },
            ),
            (
                "project",
                {"nargs": "?", "metavar": "PROJECT", "help": "the project of an intake; a dead event, or all"},
            ),
            ("--after", {"metavar": "NUMBER", "help": "begin after this event; else with what comes now"}),
            ("--count", {"type": int, "default": 0, "help": "end after so many events"}),
            ("--json", {"action": "store_true", "help": "as CloudEvents, one a line"}),
        ),
    ),
    "export": Command(
        "transfer.export",
        "all memories as JSON Lines, which import takes",
        (("file", {"metavar": "FILE.jsonl", "help": "where to write them; - for standard output"}),),
    ),
    "backup": Command(
        "commands.backup",
        "a consistent copy of everything, while the server serves",
        (("directory", {"type": Path, "metavar": "DIR", "help": "a directory on the server's machine"}),),
    ),
    "restore": Command(
        "commands.restore",
        "a backup becomes the data directory, which must be empty",
        (("directory", {"type": Path, "metavar": "DIR", "help": "a backup: the segue-… directory"}),),
    ),
    "move": Command(
        "transfer.move",
        "moves all memories to PostgreSQL, or back to DuckDB; goes on where it was interrupted",
        (
            ("target", {"choices": ("postgres", "duckdb"), "help": "where to; the URL is SEGUE_MEMORY_DATABASE_URL"}),
            ("--directory", {"type": Path, "metavar": "DIR", "help": "where a separate memory service keeps its data"}),
        ),
    ),
    "delete": Command(
        "commands.deletion.delete",
        "removes memories by their ids; asks first",
        (
            ("ids", {"nargs": "+", "metavar": "ID", "help": "a memory's id"}),
            ("--yes", {"action": "store_true", "help": "delete without asking"}),
        ),
    ),
    "undelete": Command(
        "commands.deletion.undelete",
        "brings back what was deleted, until it is erased",
        (
            ("ids", {"nargs": "*", "metavar": "ID", "help": "a memory's id"}),
            ("--last", {"action": "store_true", "help": "all that was deleted last"}),
        ),
    ),
    "removals": Command(
        "commands.deletion.removals",
        "what was removed of your memories, when, by whom and why",
        (
            ("--project", {"metavar": "NAME", "help": "only of this project"}),
            ("--limit", {"type": int, "default": 50, "help": "how many, the latest (%(default)s)"}),
            ("--json", {"action": "store_true", "help": "with the ids, as JSON Lines"}),
        ),
    ),
    "retention": Command(
        "commands.retention",
        "how long memories are kept; shows it, or sets it for a project",
        (
            ("project", {"nargs": "?", "metavar": "PROJECT", "help": "the project to set it for"}),
            ("--days", {"type": int, "metavar": "N", "help": "remove conversations N days after they were said"}),
            ("--size-mb", {"type": float, "metavar": "N", "help": "keep the newest N MB of conversations"}),
            ("--reflections", {"action": "store_true", "help": "apply it to reflections, too"}),
            ("--forever", {"action": "store_true", "help": "keep everything of the project"}),
            ("--reset", {"action": "store_true", "help": "remove the project's rule"}),
        ),
    ),
    "project": Command(
        "projects",
        "your projects: lists them, gives one another name, makes two of them one, or two again",
        (
            ("action", {"choices": ("list", "rename", "merge", "split", "alias"), "help": "what to do"}),
            ("project", {"nargs": "?", "metavar": "PROJECT", "help": "by label, name or alias; to merge, the source"}),
            (
                "name",
                {
                    "nargs": "?",
                    "metavar": "NAME",
                    "help": "the new name; to merge, what it goes into; to split, what was merged into it",
                },
            ),
            ("--remove", {"action": "store_true", "help": "alias: take it away"}),
            ("--dry-run", {"action": "store_true", "help": "merge, split: show what would be moved, and move nothing"}),
            ("--yes", {"action": "store_true", "help": "merge without asking"}),
            ("--json", {"action": "store_true", "help": "list: as JSON, for programs"}),
        ),
    ),
    "prune": Command(
        "commands.prune",
        "removes old sessions where they are kept; shows what would go unless --yes",
        (
            ("--days", {"type": float, "metavar": "N", "help": "that ended over N days ago (SEGUE_SESSION_KEEP_DAYS)"}),
            ("--yes", {"action": "store_true", "help": "remove them"}),
        ),
    ),
    "checkpoint": Command(
        "directory.checkpoints",
        "lists and shows the checkpoints of this repository, and puts the files of one back",
        (
            ("action", {"choices": ("list", "show", "restore"), "help": "what to do"}),
            ("name", {"nargs": "?", "metavar": "COMMIT", "help": "the checkpoint's commit, or its ref"}),
            ("--limit", {"type": int, "default": 20, "help": "how many to list, the latest (%(default)s)"}),
            ("--yes", {"action": "store_true", "help": "restore: put the files back"}),
        ),
    ),
    "permissions": Command(
        "commands.permissions",
        "what may be done here without asking, what may not, and what waits for your decision",
        (
            (
                "action",
                {
                    "nargs": "?",
                    "choices": ("test", "import"),
                    "help": "test: what the rules say of a command; import: records Claude Code's own rules",
                },
            ),
            (
                "target",
                {
                    "nargs": "?",
                    "metavar": "COMMAND",
                    "help": "the command, in quotes; of another operation: its target",
                },
            ),
            ("--operation", {"default": "Bash", "help": "another than a command: Edit, Read, … (%(default)s)"}),
            ("--dry-run", {"action": "store_true", "help": "of import: only show the rules"}),
        ),
    ),
    "permit": Command("commands.permit", "allows a proposal, or an operation on a target; in a terminal", _DECISION),
    "deny": Command("commands.permit", "forbids an operation on a target, or declines a proposal", _DECISION),
    "revoke": Command(
        "commands.permit",
        "takes a rule back; in a terminal",
        (("what", {"metavar": "ID|all", "help": "the rule's id, or all of them"}),),
    ),
    "token": Command(
        "commands.token",
        "makes, lists and revokes the bearer tokens of a shared gateway",
        (
            ("action", {"choices": ("create", "list", "revoke"), "help": "what to do"}),
            ("name", {"nargs": "?", "metavar": "NAME", "help": "the user; to revoke, also a token's id"}),
            ("--scope", {"choices": ("read", "write", "admin"), "default": "write", "help": "how much (%(default)s)"}),
            ("--expires", {"metavar": "30d", "help": "after how many hours, days, weeks, years: 8h, 30d, 2w, 1y"}),
        ),
    ),
    "key": Command(
        "commands.key",
        "makes the key that memories are encrypted with; encrypts, decrypts, changes the key",
        (
            (
                "action",
                {
                    "choices": ("generate", "encrypt", "rotate", "decrypt", "status"),
                    "help": "generate FILE: a new key; encrypt FILE: what is there already; rotate FILE: from now on "
                    "that key is needed; decrypt: encryption off; status: the current state",
                },
            ),
            ("file", {"nargs": "?", "type": Path, "metavar": "FILE", "help": "the key's file"}),
            ("--anew", {"action": "store_true", "help": "rotate: rewrite everything, for a key that was exposed"}),
            ("--directory", {"type": Path, "metavar": "DIR", "help": "where a separate memory service keeps its data"}),
        ),
    ),
    "explain": Command(
        "commands.explain",
        "why a search finds what it finds, and why not another memory",
        (
            ("query", {"metavar": "QUERY", "help": "what is searched for"}),
            ("--project", {"metavar": "NAME", "help": "where; left out: everywhere"}),
            ("--id", {"metavar": "ID", "help": "a memory that should be among the results"}),
            ("--limit", {"type": int, "default": 5, "help": "how many results (%(default)s)"}),
        ),
    ),
    "advice": Command(
        "recommendations",
        "what you say of a project's recommendations, and what you said: done, not now, never",
        (
            (
                "action",
                {
                    "nargs": "?",
                    "default": "list",
                    "choices": ("list", "done", "not-now", "never", "undo", "forget"),
                    "help": "what to do (%(default)s); forget erases your answers",
                },
            ),
            ("id", {"nargs": "?", "metavar": "ID", "help": "a recommendation's: improve:lint"}),
            ("--project", {"metavar": "NAME", "help": "another than this directory's; forget: left out, all"}),
            ("--days", {"type": int, "metavar": "N", "help": "how long not-now holds (30)"}),
            ("--yes", {"action": "store_true", "help": "forget without asking"}),
        ),
    ),
    "dashboard": Command(
        "commands.dashboard",
        "opens the web page, by a link that works once",
        (("--print", {"action": "store_true", "help": "only print the link"}),),
    ),
    "status": Command("commands.status", "the state of server, sessions, memories, and the model's last briefing"),
    "stop": Command("commands.stop", "stops this machine's server; a client that needs one starts it again"),
    "doctor": Command(
        "commands.doctor",
        "checks everything and shows the fixes; stores and finds a probe memory",
        (("--json", {"action": "store_true", "help": "as JSON, for programs"}),),
    ),
}


ANYWHERE = ("hook", "doctor", "uninstall")
"""What runs without a server: hooks then say nothing, and doctor what is wrong."""
OF_THE_SERVER = ("serve", "stop", "restore", "move", "key", "prune")
"""What is of a server on this machine, and not of one that SEGUE_URL names."""


class PrintVersion(argparse.Action):
    """Looks the version up only on request."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Prints the version and exits."""
        from services import __version__

        print(f"segue {__version__}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The command line, built from COMMANDS."""
    parser = argparse.ArgumentParser(prog="segue", description="Memory and sessions for AI coding agents.")
    parser.add_argument("--version", action=PrintVersion, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help)
        for argument, settings in command.arguments:
            subparser.add_argument(argument, **settings)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; what it does not expect becomes one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack a character, and no command fails of it
            stream.reconfigure(errors="replace")
    with redirect_stdout(plain_stream(sys.stdout)), redirect_stderr(plain_stream(sys.stderr)):
        try:
            return _main(argv)
        except Unread:
            return end_unread()


def _main(argv: Sequence[str] | None) -> int:
    try:
        options = build_parser().parse_args(argv)
        status = _run(options)
    except SystemExit:
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return status


def _run(options: argparse.Namespace) -> int:
    if not CAN_SERVE and not _is_possible_without_server(options):
        print(f"segue: {NO_SERVER}.", file=sys.stderr)
        return 1
    try:
        module = importlib.import_module(f"services.cli.{COMMANDS[options.command].module}")
        status: int = module.run(options)
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        print(f"segue: the package {error.name} is not installed: run `make setup` in the checkout", file=sys.stderr)
        return 1
    except Unread:
        raise
    except Exception as error:  # the last one to see it, for a user who wants no traceback
        print(f"segue: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return 1
    return status


def _is_possible_without_server(options: argparse.Namespace) -> bool:
    """Whether the command has what it needs on a system where there is no server."""
    named = getattr(options, "url", None) or os.environ.get("SEGUE_URL", "").strip()
    return options.command in ANYWHERE or (bool(named) and options.command not in OF_THE_SERVER)


if __name__ == "__main__":
    sys.exit(main())
