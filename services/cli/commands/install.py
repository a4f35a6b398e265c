"""`segue install CLIENT`: sets a client up for Segue; `segue uninstall` reverts it. Standard library only.

The files of Claude Code, Codex CLI and Gemini CLI are changed, after showing the difference; for others, the lines to
add are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from services.cli.clients import claude_code, codex_config
from services.cli.clients.client_version import client_version
from services.cli.clients.configuration import CLIENTS, Client
from services.cli.clients.hooked_clients import HOOKED_CLIENTS, HookedClient
from services.cli.clients.settings_file import BACKUP_SUFFIX, NotOurs, SettingsFile
from services.cli.confirmation import confirm
from services.cli.hooks.hook_table import settings as hook_settings
from services.cli.installation import hook_program

CLAUDE_CODE = "claude-code"
Edit = Callable[[str], str]
_PLUGIN_GOES = f"`claude plugin uninstall {claude_code.PLUGIN}`"


class Program(NamedTuple):
    """How a client runs Segue: the program, the hooks' command, and the settings that both need."""

    path: str
    hook: Sequence[str]
    carried: Mapping[str, str]


class Change(NamedTuple):
    """The change of one of the client's files, and the lines for adding it by hand."""

    path: Path
    edit: Edit
    lines: str


def run(options: argparse.Namespace) -> int:
    """Installs, or uninstalls if `options.command` says so: 1 if something is left to the user."""
    program = _program(project=options.project)
    if options.client in HOOKED_CLIENTS and not getattr(options, "print", False):
        return _change_hooks(HOOKED_CLIENTS[options.client], program, options)
    if options.client != CLAUDE_CODE:
        return _by_hand(CLIENTS[options.client], program, options.command)
    place = _place(project=options.project)
    if options.command == "uninstall":
        return _apply(list(_removals(place)), options, "Segue has no entries there any more.")
    changes = list(_additions(place, program))
    if options.print:
        for change in changes:
            print(f"# {change.path}\n{change.lines}\n")
        return 0
    if _has_plugin():
        print(f"segue: the plugin is installed, and does all this already; {_PLUGIN_GOES} removes it.", file=sys.stderr)
        return 1
    _warn(program, project=options.project)
    return _apply(changes, options, "Segue is installed in Claude Code. Restart it; `segue doctor` checks the result.")


def _change_hooks(client: HookedClient, program: Program, options: argparse.Namespace) -> int:
    """Writes, or removes, the hooks and the server of another client."""
    base = Path.cwd() if options.project else Path.home()
    if options.command == "uninstall":
        return _apply(list(_hooked_removals(client, program, base)), options, "Segue has no entries there any more.")
    _warn(program, project=options.project)
    if program.carried:
        names = " and ".join(program.carried)
        print(f"segue: the hooks have {names} from the environment that {client.title} runs in.", file=sys.stderr)
    after = f"Segue is installed in {client.title}. Restart it. {client.left}"
    return _apply(list(_hooked_additions(client, program, base)), options, after)


def _hooked_additions(client: HookedClient, program: Program, base: Path) -> Iterator[Change]:
    def hooks(text: str) -> str:
        return client.with_entries(text, program.hook, program.path, program.carried)

    def server(text: str) -> str:
        return codex_config.with_server(text, program.path, program.carried)

    yield Change(client.path(base), hooks, hooks("").rstrip())
    if servers := client.servers_path(base):
        yield Change(servers, server, server("").rstrip())


def _hooked_removals(client: HookedClient, program: Program, base: Path) -> Iterator[Change]:
    without = {client.path(base): client.without_entries, client.servers_path(base): codex_config.without_server}
    for path, edit, _ in _hooked_additions(client, program, base):
        yield Change(path, _as_before(path, without[path], edit), "")


def _apply(changes: list[Change], options: argparse.Namespace, after: str) -> int:
    """Shows the changes, asks, and writes: each file whole or not at all."""
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
    return confirm("Write this?")


def _leave(change: Change, problem: Exception) -> int:
    print(f"segue: {change.path} is left as it is: {problem}.", file=sys.stderr)
    if change.lines:
        print(f"Add these lines to {change.path} yourself:\n{change.lines}", file=sys.stderr)
    else:
        print("Remove the entries that run `segue` from it yourself.", file=sys.stderr)
    return 1


def _additions(place: claude_code.Place, program: Program) -> Iterator[Change]:
    def servers(text: str) -> str:
        return claude_code.with_server(text, program.path, program.carried)

    def settings(text: str) -> str:
        return claude_code.with_hooks(text, hook_settings(program.hook, client_version()), program.carried)

    for path, edit in ((place.servers, servers), (place.settings, settings)):
        yield Change(path, edit, edit("").rstrip())


def _removals(place: claude_code.Place) -> Iterator[Change]:
    try:
        carried = claude_code.carried_along(SettingsFile(place.servers).text)
    except NotOurs:  # reported when its turn comes
        carried = {}

    def without_hooks(text: str) -> str:
        return claude_code.without_hooks(text, carried)

    def with_hooks(text: str) -> str:
        return claude_code.with_hooks(text, hook_settings(("segue", "hook"), client_version()), carried)

    def with_server(text: str) -> str:
        return claude_code.with_server(text, "segue", carried)

    yield Change(place.settings, _as_before(place.settings, without_hooks, with_hooks), "")
    yield Change(place.servers, _as_before(place.servers, claude_code.without_server, with_server), "")


def _as_before(path: Path, remove: Edit, add: Edit) -> Edit:
    """`remove`; but if only install changed the file, the earlier content that install saved beside it, to the byte.

    Otherwise, an object that was empty before install is removed together with install's entries.
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
    """A project's file must work for everybody in the project: `segue` is found in PATH, and no settings are included.

    A user's own file names this very installation.
    """
    if project:
        return Program("segue", ("segue", "hook"), {})
    places = (Path(sys.executable).with_name(name) for name in ("segue", "segue.exe"))
    beside = next((str(place) for place in places if place.exists()), None)
    found = beside or shutil.which("segue") or "segue"
    carried = {name: os.environ[name] for name in claude_code.CARRIED if os.environ.get(name)}
    return Program(found, hook_program(), carried)


def _warn(program: Program, *, project: bool) -> None:
    if project and not shutil.which(program.path):
        print("segue: a project's files name `segue`, which is not in your PATH: put it there.", file=sys.stderr)
    if os.environ.get("SEGUE_TOKEN"):
        advice = "put it in a file, and set SEGUE_TOKEN_FILE to that"
        print(f"segue: SEGUE_TOKEN is not written to the file; {advice}.", file=sys.stderr)


def _by_hand(client: Client, program: Program, command: str) -> int:
    """Prints what the user of another client must do."""
    if command == "uninstall":
        print(f"Segue wrote nothing for {client.title}: remove `segue` from {client.where}.")
        return 0
    print(f"{client.title} reads this from {client.where}:", file=sys.stderr)
    print(client.lines(program.path, program.carried))
    return 0
