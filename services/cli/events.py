"""`segue events`: shows a user's events as they happen, the intakes through which GitHub and GitLab
report, and what sinks refused for good."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

call_timeout_s = 30.0
silence_max_s = 60.0
"""A stream says something every few seconds; one that does not is gone."""
again_s = 2.0
CHANGES: Mapping[str, str] = {"retry": "to be sent again", "drop": "dropped"}
line_max_bytes = 1 << 20


def run(options: argparse.Namespace) -> int:
    """Does what `options.action` says; 2 for wrong arguments."""
    needed = {"add": ("which", "project"), "revoke": ("which",)}.get(options.action, ())
    needed = ("project",) if options.action == "dead" and options.which else needed
    is_known = options.action != "dead" or options.which in {None, *CHANGES}
    if not is_known or not all(getattr(options, name) for name in needed):
        print(f"segue events {options.action}: {_usage[options.action]}", file=sys.stderr)
        return 2
    try:
        return ACTIONS[options.action](options)
    except CallFailed as problem:
        print(f"segue events: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _tail(options: argparse.Namespace) -> int:
    """One line for each event, until it is interrupted; a stream that ends is continued where it ended."""
    endpoint, place, shown = Endpoint(), options.after, 0
    while True:
        try:
            for fields in _messages(endpoint, place):
                place = fields.get("id", place)
                if "data" in fields:
                    print(_line(fields["data"], as_json=options.json), flush=True)
                    shown += 1
                    if shown == options.count:
                        return 0
        except (OSError, ValueError):  # the connection broke
            time.sleep(again_s)
        except CallFailed:
            if place is None:  # the first time: nothing is there to wait for
                raise
            time.sleep(again_s)


def _messages(endpoint: Endpoint, place: str | None) -> Iterator[Mapping[str, str]]:
    """The fields of each message of a stream that begins after `place`."""
    path = "/v1/events" + (f"?after={place}" if place is not None else "")
    with endpoint.stream(path, silence_max_s) as response:
        fields: dict[str, str] = {}
        for line in iter(lambda: response.readline(line_max_bytes), b""):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if not text:
                yield fields
                fields = {}
            elif not text.startswith(":"):
                name, _, value = text.partition(":")
                fields[name] = value.removeprefix(" ")


def _line(data: str, *, as_json: bool) -> str:
    event = json.loads(data)
    if as_json:
        return json.dumps(event)
    told = " ".join(f"{name}={_word(value)}" for name, value in event.get("data", {}).items())
    return plain(f"{event.get('time', '')} {event.get('subject', '')} {told}".rstrip())


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _intakes(options: argparse.Namespace) -> int:
    del options
    endpoint = Endpoint()
    found = endpoint.answer("/v1/intakes", call_timeout_s)["intakes"]
    for each in found:
        print(plain(f"{each['id']}  {each['provider']}  {each['project']}  {endpoint.address}{each['path']}"))
    if not found:
        print("There are none; `segue events add github PROJECT` makes one.", file=sys.stderr)
    return 0


def _add(options: argparse.Namespace) -> int:
    endpoint = Endpoint()
    made = endpoint.answer("/v1/intakes", call_timeout_s, {"provider": options.which, "project": options.project})
    print(plain(f"payload URL   {endpoint.address}{made['path']}"))
    print(plain(f"secret        {made['secret']}"))
    print("content type  application/json")
    print("The secret is shown this once.", file=sys.stderr)
    return 0


def _revoke(options: argparse.Namespace) -> int:
    Endpoint().answer("/v1/intakes/revoke", call_timeout_s, {"id": options.which})
    print("revoked")
    return 0


def _dead(options: argparse.Namespace) -> int:
    """Lists the events that sinks refused for good; or has them sent once more, or dropped."""
    endpoint = Endpoint()
    if options.which:
        meant = {"all": True} if options.project == "all" else {"ids": [options.project]}
        done = endpoint.answer("/v1/events/dead", call_timeout_s, {"action": options.which, **meant})
        print(f"{done['changed']} {CHANGES[options.which]}")
        return 0 if done["changed"] else 1
    shown, after = 0, 0
    while after is not None:
        found = endpoint.answer(f"/v1/events/dead?after={after}", call_timeout_s)
        for each in found["dead"]:
            waits = ", is sent again" if each["waits"] else ""
            print(plain(f"{each['id']}  {each['sink']}  {each['type']}  {each['buried_at']}  {each['reason']}{waits}"))
            shown += 1
        after = found["next"]
    if not shown:
        print("There are none.", file=sys.stderr)
    return 0


ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "tail": _tail,
    "intakes": _intakes,
    "add": _add,
    "revoke": _revoke,
    "dead": _dead,
}
_usage = {
    "add": "name github or gitlab, and the project",
    "revoke": "name the intake",
    "dead": "retry or drop, and the id of an event, or all; alone it lists them",
}
