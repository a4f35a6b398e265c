"""`segue token`: makes, lists and revokes the bearer tokens of a shared gateway.

With `SEGUE_URL` it calls that gateway, which requires a token with the admin scope. Without, it works on this machine's
own store, SQLite or the Redis in the session service's settings: whoever can read that may make tokens.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from services.cli.gateway.mcp_call import CallFailed
from services.cli.session_store import with_store

if TYPE_CHECKING:
    from services.session.domain.tokens import Token, Tokens

call_timeout_s = 30.0
_units_s = {"h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
Record = dict[str, Any]
Result = TypeVar("Result")


class Keeper(Protocol):
    """A store of tokens. Raises CallFailed."""

    def create(self, user: str, scope: str, expires_in_s: float) -> Record:
        """Makes a token: its record, and the `token` itself."""
        ...

    def every(self) -> Sequence[Record]:
        """All records."""
        ...

    def revoke(self, which: str) -> int:
        """Revokes tokens; returns how many."""
        ...


def run(options: argparse.Namespace) -> int:
    """Runs `options.action`."""
    try:
        keeper = Gateway() if os.environ.get("SEGUE_URL") else Store()
        return _ACTIONS[options.action](keeper, options)
    except CallFailed as problem:
        print(f"segue token: {problem}", file=sys.stderr)
        return 1


def _create(keeper: Keeper, options: argparse.Namespace) -> int:
    made = keeper.create(_user_name(options), options.scope, lifetime_s(options.expires))
    until = f"until {_minute(made['expires_at'])}" if made["expires_at"] else "until it is revoked"
    print(
        f"Token {made['id']} of {made['user']}, scope {made['scope']}, {until}. It is shown this once:", file=sys.stderr
    )
    print(made["token"], flush=True)
    print("Its user sets SEGUE_URL and SEGUE_TOKEN, and then works with `segue connect` as before.", file=sys.stderr)
    return 0


def _list(keeper: Keeper, _: argparse.Namespace) -> int:
    found = keeper.every()
    if not found:
        print("There are no tokens. `segue token create NAME` makes one.", file=sys.stderr)
        return 0
    print(f"{'ID':<13}{'USER':<21}{'SCOPE':<7}{'CREATED':<18}{'EXPIRES':<18}LAST USED")
    for each in found:
        times = [_minute(each[name]) if each[name] else "never" for name in ("created_at", "expires_at")]
        used = _minute(each["last_used_at"]) if each["last_used_at"] else "never"
        print(f"{each['id']:<13}{each['user']:<20} {each['scope']:<7}{times[0]:<18}{times[1]:<18}{used}")
    return 0


def _revoke(keeper: Keeper, options: argparse.Namespace) -> int:
    revoked = keeper.revoke(_user_name(options))
    print(f"{revoked} token{'' if revoked == 1 else 's'} revoked; no gateway takes {'it' if revoked == 1 else 'them'}.")
    return 0


_ACTIONS = {"create": _create, "list": _list, "revoke": _revoke}


def _user_name(options: argparse.Namespace) -> str:
    if not options.name:
        what = "the user's name" if options.action == "create" else "its id, or the name of a user for all of theirs"
        raise CallFailed(f"say {what}: segue token {options.action} NAME")
    name: str = options.name
    return name


def lifetime_s(text: str | None) -> float:
    """Seconds of a time such as 30d; 0 for none. Raises CallFailed."""
    if text is None:
        return 0
    written = re.fullmatch(r"([1-9]\d{0,5})([hdwy])", text)
    if not written:
        raise CallFailed("--expires takes a number and h, d, w or y, as in 30d")
    return int(written[1]) * _units_s[written[2]]


def _minute(time: str) -> str:
    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")


class Gateway:
    """The tokens of the gateway at `SEGUE_URL`."""

    def __init__(self) -> None:
        from services.cli.gateway.http_call import Endpoint

        self._endpoint = Endpoint()

    def create(self, user: str, scope: str, expires_in_s: float) -> Record:
        """See Keeper."""
        return self._call("/v1/tokens", {"user": user, "scope": scope, "expires_in_s": expires_in_s})

    def every(self) -> Sequence[Record]:
        """See Keeper."""
        found: list[Record] = self._call("/v1/tokens", None)["tokens"]
        return found

    def revoke(self, which: str) -> int:
        """See Keeper."""
        revoked: int = self._call("/v1/tokens/revoke", {"which": which})["revoked"]
        return revoked

    def _call(self, path: str, fields: Record | None) -> Record:
        content: Record = self._endpoint.answer(path, call_timeout_s, fields)
        return content


class Store:
    """The tokens in this machine's own store, which may be in use at the same time."""

    def create(self, user: str, scope: str, expires_in_s: float) -> Record:
        """See Keeper."""
        token, shown = self._with_tokens(lambda tokens: tokens.create(user, scope, expires_in_s))
        return {**_record(token), "token": shown}

    def every(self) -> Sequence[Record]:
        """See Keeper."""
        return [_record(token) for token in self._with_tokens(lambda tokens: tokens.every())]

    def revoke(self, which: str) -> int:
        """See Keeper."""
        return self._with_tokens(lambda tokens: tokens.revoke(which))

    def _with_tokens(self, work: Callable[[Tokens], Awaitable[Result]]) -> Result:
        from services.session.domain.tokens import Tokens

        return with_store(lambda store, _: work(Tokens(store.tokens)))


def _record(token: Token) -> Record:
    times = {"created_at": token.created_at, "expires_at": token.expires_at, "last_used_at": token.last_used_at}
    written = {name: at.isoformat() if at else None for name, at in times.items()}
    return {"id": token.id, "user": token.user, "scope": token.scope, **written}
