"""What GitHub and GitLab report of a project: commits that were pushed, and requests that were merged.

The text is a stranger's: it is cut, and shorn of control characters. It becomes a memory, and gets into no event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.kit.errors import InvalidInput

PROVIDERS = ("github", "gitlab")
body_max_bytes = 1024 * 1024
commits_shown_max = 20
line_max_chars = 200
_not_shown = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")
_commit = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Report:
    """What happened: the event's subject and data, and a text for the project's timeline."""

    subject: str
    data: Mapping[str, str | int] = field(default_factory=dict)
    text: str = ""


def read_report(provider: str, headers: Mapping[str, str], body: bytes) -> Report | None:
    """The report; None for whatever is neither a push to a branch nor a merge. InvalidInput for what is no report."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("The report is not JSON.", "Set the webhook's content type to application/json.") from None
    if not isinstance(sent, dict):
        raise InvalidInput("The report is not a JSON object.")
    if provider == "github":
        kind = headers.get("x-github-event", "")
        return {"push": _github_push, "pull_request": _github_merge}.get(kind, _nothing)(sent)
    return {"push": _gitlab_push, "merge_request": _gitlab_merge}.get(_text(sent, "object_kind"), _nothing)(sent)


def _nothing(_: Mapping[str, Any]) -> Report | None:
    return None


def _github_push(sent: Mapping[str, Any]) -> Report | None:
    repository = _text(_object(sent, "repository"), "full_name")
    who = _text(_object(sent, "pusher"), "name") or _text(_object(sent, "sender"), "login")
    return _push(sent, repository, who, _objects(sent, "commits"), len(_objects(sent, "commits")))


def _gitlab_push(sent: Mapping[str, Any]) -> Report | None:
    repository = _text(_object(sent, "project"), "path_with_namespace")
    commits = _objects(sent, "commits")
    total = sent.get("total_commits_count")
    count = total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else len(commits)
    return _push(sent, repository, _text(sent, "user_username") or _text(sent, "user_name"), commits, count)


def _push(
    sent: Mapping[str, Any], repository: str, who: str, commits: Sequence[Mapping[str, Any]], count: int
) -> Report | None:
    branch = _text(sent, "ref")
    after = _commit_of(sent.get("after"))
    if not branch.startswith("refs/heads/") or not after or not count:
        return None  # a tag, or a branch that was removed or only begun
    lines = [f"- {_text(each, 'message')}" for each in commits[-commits_shown_max:]]
    more = [f"- and {count - len(lines)} before"] if count > len(lines) else []
    name = branch.removeprefix("refs/heads/")
    head = f"{who or 'Somebody'} pushed {count} commits to {name} of {repository or 'the repository'} ({after[:12]}):"
    return Report("project.pushed", {"git_commit": after, "commits": count}, "\n".join([head, *lines, *more]))


def _github_merge(sent: Mapping[str, Any]) -> Report | None:
    request = _object(sent, "pull_request")
    if _text(sent, "action") != "closed" or request.get("merged") is not True:
        return None
    repository = _text(_object(sent, "repository"), "full_name")
    who, into = _text(_object(request, "merged_by"), "login"), _text(_object(request, "base"), "ref")
    return _merge(request, "number", repository, who, into)


def _gitlab_merge(sent: Mapping[str, Any]) -> Report | None:
    request = _object(sent, "object_attributes")
    if _text(request, "action") != "merge":
        return None
    repository = _text(_object(sent, "project"), "path_with_namespace")
    who, into = _text(_object(sent, "user"), "username"), _text(request, "target_branch")
    return _merge(request, "iid", repository, who, into)


def _merge(request: Mapping[str, Any], number_name: str, repository: str, who: str, into: str) -> Report:
    data: dict[str, str | int] = {}
    number = request.get(number_name)
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**31:
        data["number"] = number
    if found := _commit_of(request.get("merge_commit_sha")):
        data["git_commit"] = found
    where = f"into {into or 'the branch'} of {repository or 'the repository'}"
    return Report(
        "project.merged",
        data,
        f"{who or 'Somebody'} merged #{data.get('number', '?')} {where}: {_text(request, 'title')}",
    )


def _commit_of(value: object) -> str:
    return value if isinstance(value, str) and _commit.fullmatch(value) and value.strip("0") else ""


def _text(given: Mapping[str, Any], name: str) -> str:
    """The first line of a text, cut; empty for whatever is none."""
    value = given.get(name)
    if not isinstance(value, str):
        return ""
    line = value.encode("utf-8", "replace").decode().strip().partition("\n")[0]
    return _not_shown.sub(" ", line)[:line_max_chars].strip()


def _object(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = given.get(name)
    return value if isinstance(value, dict) else {}


def _objects(given: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = given.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
