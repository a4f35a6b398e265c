"""`segue prune`: removes old sessions of all users from their store; without `--yes` it only shows how many.

It works on this machine's own store: SQLite, or the Redis in the session service's settings.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from services.cli.gateway.mcp_call import CallFailed
from services.cli.session_store import with_store

if TYPE_CHECKING:
    from services.session.config import SessionSettings
    from services.session.operations.session_retention import Retention
    from services.session.store import SessionStore, StoreSize

days_max = 36_500


@dataclass(frozen=True, slots=True)
class Pruned:
    """The number of sessions removed or due, their age in days, and the store's size afterwards."""

    sessions: int
    days: float
    size: StoreSize | None


def run(options: argparse.Namespace) -> int:
    """Prints what was or would be removed."""
    if options.days is not None and not 0 < options.days <= days_max:  # false for NaN, too
        print(f"segue prune: --days takes more than 0, up to {days_max:,}", file=sys.stderr)
        return 1
    try:
        pruned = with_store(lambda store, settings: _prune(store, settings, options.days, remove=options.yes))
    except CallFailed as problem:
        print(f"segue prune: {problem}", file=sys.stderr)
        return 1
    print(_report(pruned, removed=options.yes))
    return 0


async def _prune(store: SessionStore, settings: SessionSettings, days: float | None, *, remove: bool) -> Pruned:
    from services.session.operations.session_lookup import Finding, Terms
    from services.session.operations.session_retention import Retention

    days = settings.keep_days if days is None else days
    retention = Retention(store, Finding(store, Terms(lease_s=settings.lease_s)), timedelta(days=days))
    if remove:
        await store.tidy()
    sessions = await (retention.remove_due() if remove else _count(retention))
    return Pruned(sessions, days, await store.size())


async def _count(retention: Retention) -> int:
    return sum([1 async for _ in retention.due_sessions()])


def _report(pruned: Pruned, *, removed: bool) -> str:
    what = f"{pruned.sessions:,} session{'' if pruned.sessions == 1 else 's'} that ended over {pruned.days:g} days ago"
    lines = [f"{'Removed' if removed else 'Would remove'} {what}, with checkpoints and handoffs."]
    lines.append("The session with a project's last handoff stays, as do sessions with deferred stores.")
    if pruned.size:
        share = math.ceil(100 * pruned.size.used_bytes / pruned.size.max_bytes)
        lines.append(f"Redis uses {pruned.size.used_bytes / 1e6:,.1f} MB, {share} % of its limit.")
    if not removed:
        lines.append("Nothing was changed; --yes removes them, and what earlier versions left behind.")
    return "\n".join(lines)
