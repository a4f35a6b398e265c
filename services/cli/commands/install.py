"""`segue install CLIENT`: tells a client of Segue; `segue uninstall` takes it back. Standard library only.

Claude Code's own files are changed, after a look at the difference; for other clients the lines to add are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from services.cli.clients import claude_code
from services.cli.clients.configuration import CLIENTS, Client
from services.cli.clients.settings_file import BACKUP_SUFFIX, NotOurs, SettingsFile
from services.cli.installation import hook_command

CLAUDE_CODE = "claude-code"
Edit = Callable[[str], str]
_PLUGIN_GOES = f"`claude plugin uninstall {claude_code.PLUGIN}`"


class Program(NamedTuple):
    """How a client runs Segue: the program, what its hooks run, and the settings that both need."""

    path: str
    hook: str
    carried: Mapping[str, str]


class Change(NamedTuple):
    """What is to become of one of the client's files, and what a user would add to it by hand."""

    path: Path
    edit: Edit
    lines: str


def run(options: argparse.Namespace) -> int:
    """Install, or uninstall where `options.command` says so: 1 where something is left to the user."""
    program = _program(project=options.project)
    if options.client != CLAUDE_CODE:
        return _by_hand(CLIENTS[options.client], program, options.command)
    place = _place(project=options.project)
    if options.command == "uninstall":
        return _apply(list(_removals(place)), options, "No trace of Segue is left there.")
    changes = list(_additions(place, program))
    if options.print:
        for change in changes:
            print(f"# {change.path}\n{change.lines}\n")
        return 0
    if _has_plugin():
        print(
            f"segue: the plugin is installed, and does all this already; {_PLUGIN_GOES} would undo it.", file=sys.stderr
        )
        return 1
    _warn(program, project=options.project)
    return _apply(changes, options, "Claude Code knows Segue. Restart it; `segue doctor` says whether all works.")


def _apply(changes: list[Change], options: argparse.Namespace, after: str) -> int:
    """Show what changes, ask, and write: each file whole or not at all."""
    wanted, left = [], 0
    for change in changes:
        try:
            file = SettingsFile(change.path)
            text = change.edit(file.text)
        except (NotOurs, claude_code.Taken, ValueError) as problem:
            left = _leave(change, problem)
            continue
        if text != file.text:
            wanted.append((change, file, text))
            print(file.diff(text), end="")
    if not wanted:
        print(after if not left else "Nothing was changed.")
        return left
    if options.dry_run or not (options.yes or _ask_consent()):
        print("Nothing was changed.")
        return left if options.dry_run else 1
    for change, file, text in wanted:
        try:
            file.write(text)
            print(f"Wrote {file.path}" + (f"; as it was: {file.path}{BACKUP_SUFFIX}" if file.text else ""))
        except NotOurs as problem:
            left = _leave(change, problem)
    if not left:
        print(after)
    return left


def _ask_consent() -> bool:
    if not sys.stdin.isatty():
        print("Repeat with --yes to write this.", file=sys.stderr)
        return False
    return input("Write this? [y/N] ").strip().lower() in {"y", "yes"}


def _leave(change: Change, problem: Exception) -> int:
    print(f"segue: {change.path} is left as it is: {problem}.", file=sys.stderr)
    if change.lines:
        print(f"Add these lines to {change.path} yourself:\n{change.lines}", file=sys.stderr)
    else:
        print("Take what runs `segue` out of it yourself.", file=sys.stderr)
    return 1


def _additions(place: claude_code.Place, program: Program) -> Iterator[Change]:
    def servers(text: str) -> str:
        return claude_code.with_server(text, program.path, program.carried)

    def settings(text: str) -> str:
        return claude_code.with_hooks(text, program.hook, program.carried)

    for path, edit in ((place.servers, servers), (place.settings, settings)):
        yield Change(path, edit, edit("").rstrip())


def _removals(place: claude_code.Place) -> Iterator[Change]:
    try:
        carried = claude_code.carried_along(SettingsFile(place.servers).text)
    except NotOurs:  # which is told when it is its turn
        carried = {}

    def without_hooks(text: str) -> str:
        return claude_code.without_hooks(text, carried)

    def with_hooks(text: str) -> str:
        return claude_code.with_hooks(text, "segue hook", carried)

    def with_server(text: str) -> str:
        return claude_code.with_server(text, "segue", carried)

    yield Change(place.settings, _as_before(place.settings, without_hooks, with_hooks), "")
    yield Change(place.servers, _as_before(place.servers, claude_code.without_server, with_server), "")


def _as_before(path: Path, remove: Edit, add: Edit) -> Edit:
    """`remove`; but where install alone changed the file, what install left beside it, to the byte.

    An object that was empty before install is otherwise taken out with what install put into it.
    """

    def edit(text: str) -> str:
        left, before = remove(text), _text_before(path)
        is_installs = bool(before) and left != text and remove(before) == before and remove(add(before)) == left
        return before if is_installs else left

    return edit


def _text_before(path: Path) -> str:
    try:
        return SettingsFile(path.with_name(path.name + BACKUP_SUFFIX)).text
    except NotOurs:
        return ""


def _place(*, project: bool) -> claude_code.Place:
    if project:
        return claude_code.project_place(Path.cwd())
    return claude_code.user_place(Path.home(), os.environ.get("CLAUDE_CONFIG_DIR"))


def _has_plugin() -> bool:
    try:
        return claude_code.has_plugin(SettingsFile(_place(project=False).settings).text)
    except NotOurs:
        return False


def _program(*, project: bool) -> Program:
    """What a project's file says must hold for everybody who works in it: `segue` is found in PATH, nothing is carried.

    On one's own it is this very installation, wherever it is.
    """
    if project:
        return Program("segue", "segue hook", {})
    beside = Path(sys.executable).with_name("segue")
    found = str(beside) if beside.exists() else shutil.which("segue") or "segue"
    carried = {name: os.environ[name] for name in claude_code.CARRIED if os.environ.get(name)}
    return Program(found, hook_command(), carried)


def _warn(program: Program, *, project: bool) -> None:
    if project and not shutil.which(program.path):
        print("segue: a project's files name `segue`, which is not in your PATH: put it there.", file=sys.stderr)
    if os.environ.get("SEGUE_TOKEN"):
        advice = "put it in a file, and name that in SEGUE_TOKEN_FILE"
        print(f"segue: SEGUE_TOKEN is not written down; {advice}.", file=sys.stderr)


def _by_hand(client: Client, program: Program, command: str) -> int:
    """What the user of another client is to do."""
    if command == "uninstall":
        print(f"Segue wrote nothing for {client.title}: take `segue` out of {client.where}.")
        return 0
    print(f"{client.title} reads this from {client.where}:", file=sys.stderr)
    print(client.lines(program.path, program.carried))
    return 0
