"""Checks whether Claude Code is set up for Segue, and whether its hooks run and reach a server."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from services.cli.checkup.finding import BROKEN, DEGRADED, MAKE_ROOM, OK, Finding, modification_times
from services.cli.checkup.plugin import plugin_finding
from services.cli.checkup.transcripts import deleted_soon, transcripts_of, unseen, version_finding
from services.cli.clients import claude_code
from services.cli.clients.client_version import OLDEST, TRIED, client_version
from services.cli.clients.settings_file import NotOurs, SettingsFile
from services.cli.durations import ago
from services.cli.hooks import spool
from services.cli.hooks.state_files import HOOK_LOG, HOOKS_DIRECTORY, OVER_QUOTA, is_on
from services.cli.transfer.import_ import LOCAL, gateway_address
from services.cli.transfer.state import ImportState

INSTALL, UNINSTALL = "segue install claude-code", "segue uninstall claude-code"
RECENT_S = 86_400
WAITING_MAX_S = 3_600
LOG_READ_BYTES = 64 * 1024


def client(data_dir: Path) -> Iterator[Finding]:
    """All checks of the client."""
    places = [claude_code.project_place(Path.cwd()), claude_code.user_place(Path.home(), _config_dir())]
    settings: list[str] = []
    servers: list[str] = []
    for place in places:
        for path, texts in ((place.settings, settings), (place.servers, servers)):
            try:
                texts.append(SettingsFile(path).text)
            except NotOurs as problem:
                yield Finding(
                    "claude-code", BROKEN, f"{path}: {problem}; Claude Code cannot read it either", f"nano {path}"
                )
    if found := version_finding(client_version(), TRIED, OLDEST):
        yield found
    unloadable = plugin_finding(_own_files()) if any(map(claude_code.has_plugin, settings)) else None
    installed = unloadable or _installation_finding(settings, servers)
    yield installed
    written, now = transcripts_of(_own_files()), time.time()
    if installed.status == OK:
        seen = data_dir / HOOKS_DIRECTORY / "seen"
        last_hook = max(modification_times(seen.glob("*")).values(), default=0.0)
        yield unseen(written, last_hook, now) or _firing(seen)
    yield from deleted_soon(written, settings, ImportState(data_dir, gateway_address() or LOCAL), now)
    troubles = _recent_troubles(data_dir / HOOK_LOG, time.time())
    yield from _troubles(data_dir / HOOK_LOG, troubles)
    yield from _waiting(data_dir / HOOKS_DIRECTORY / "spool", time.time(), troubles)
    yield from _over_quota(data_dir / HOOKS_DIRECTORY / OVER_QUOTA, time.time())


def _config_dir() -> str | None:
    return os.environ.get("CLAUDE_CONFIG_DIR")


def _own_files() -> Path:
    """The directory of the client's own files."""
    return Path(_config_dir() or Path.home() / ".claude")


def _installation_finding(settings: Sequence[str], servers: Sequence[str]) -> Finding:
    """Whether the hooks and the server are installed, once, and may run."""
    plugin = any(map(claude_code.has_plugin, settings))
    hooks, server = any(map(claude_code.has_hooks, settings)), any(map(claude_code.has_server, servers))
    silenced = any(json.loads(text or "{}").get("disableAllHooks") is True for text in settings)
    gone = next((path for text in settings for path in _programs(text) if not Path(path).exists()), None)
    faults = (
        (silenced, DEGRADED, "Claude Code's settings switch all hooks off", "take disableAllHooks out of them"),
        (not is_on(os.environ.get("SEGUE_HOOK", "on")), DEGRADED, "SEGUE_HOOK switches them off", "unset SEGUE_HOOK"),
        (plugin and (hooks or server), DEGRADED, "installed twice, by the plugin and in the settings", UNINSTALL),
        (gone, BROKEN, f"they run {gone}, which is not there", INSTALL),
        (not (plugin or hooks or server), DEGRADED, "Segue is not installed in Claude Code", INSTALL),
        (not (plugin or hooks), DEGRADED, "Claude Code has the server without the hooks", INSTALL),
        (not (plugin or server), DEGRADED, "Claude Code has the hooks without the server", INSTALL),
    )
    found = next((Finding("hooks", *rest) for is_so, *rest in faults if is_so), None)
    return found or Finding("hooks", OK, "installed by the plugin" if plugin else "installed in Claude Code's settings")


def _programs(text: str) -> Iterator[str]:
    """The absolute paths in the commands of Segue's hooks."""
    for words in claude_code.hook_words(text):
        yield from (word for word in words if Path(word).is_absolute())


def _firing(seen: Path) -> Finding:
    """When a hook of Segue last ran."""
    times = {path.name: at for path, at in modification_times(seen.glob("*")).items()}
    if not times:
        return Finding(
            "firing", DEGRADED, "no hook has run yet", "claude  # begin a conversation; restart one that runs"
        )
    event = max(times, key=times.__getitem__)
    return Finding("firing", OK, f"{event} ran {ago(time.time() - times[event])}")


def _recent_troubles(log: Path, now: float) -> list[str]:
    """What went wrong in hooks within a day, in the log's own words, which hold no content; the last one last."""
    try:
        lines = log.read_bytes()[-LOG_READ_BYTES:].decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [re.sub(r"^\S+ ", "", line)[:160] for line in lines if now - _written_at(line) < RECENT_S]


def _troubles(log: Path, troubles: Sequence[str]) -> Iterator[Finding]:
    if not troubles:
        return
    detail = f"{len(troubles)} troubles within a day, the last: {troubles[-1]}"
    yield Finding("hook log", DEGRADED, detail, f"tail {shlex.quote(str(log))}")
    undetached = next(
        (each for each in reversed(troubles) if spool.NOT_STARTED in each or spool.NOT_DETACHED in each), ""
    )
    if undetached:
        yield Finding("delivery", DEGRADED, undetached, _deliver_now())


def _deliver_now() -> str:
    """Delivers what waits, in a terminal, which needs no process of its own."""
    return shlex.join(spool.DELIVER)


def _written_at(line: str) -> float:
    try:
        return datetime.strptime(line.split(maxsplit=1)[0], "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except (ValueError, IndexError):
        return 0.0


def _waiting(directory: Path, now: float, troubles: Sequence[str]) -> Iterator[Finding]:
    """Events that no server has taken although there was time."""
    old = [at for at in modification_times(directory.glob("*/*.json")).values() if now - at > WAITING_MAX_S]
    if old:
        is_unstarted = any(spool.NOT_STARTED in each for each in troubles)
        way_out = _deliver_now() if is_unstarted else "segue serve  # says why it does not start"
        yield Finding("waiting", DEGRADED, f"{len(old)} events of hooks wait for over an hour", way_out)


def _over_quota(directory: Path, now: float) -> Iterator[Finding]:
    """Whether new memories are not stored because the quota is full."""
    if since := modification_times(directory.glob("*")).values():
        noticed = ago(now - min(since))
        detail = f"over quota: new memories are not stored until there is room (noticed {noticed})"
        yield Finding("capture", DEGRADED, detail, MAKE_ROOM)
