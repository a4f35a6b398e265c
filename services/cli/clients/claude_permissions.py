"""Claude Code's own permission rules, as its settings files have them, in the form in which Segue records them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from services.cli.clients.claude_code import project_place, user_place
from services.cli.clients.settings_file import NotOurs, SettingsFile
from services.workspace.project import project_root

_DECISIONS = {"deny": "deny", "allow": "permit"}
_form = re.compile(r"(Read|Edit|Write|MultiEdit|NotebookEdit|Glob|Grep|LS)\((.*)\)", re.DOTALL)
rules_max = 500


class ClientRule(NamedTuple):
    """One rule: what `segue` calls the decision, the rule as the client writes it, and how far it holds."""

    action: str
    rule: str
    scope: str
    file: Path


class ClientRules(NamedTuple):
    """The rules of all files, denies first; how many ask, which only the client can; and files that cannot be read."""

    rules: Sequence[ClientRule]
    asking: int
    unreadable: Sequence[str]


def client_rules(home: Path, config_dir: str | None, directory: Path) -> ClientRules:
    """What holds in `directory`: the user's own rules, the project's, and the user's for the project."""
    of_project = project_place(directory).settings
    files = [
        (user_place(home, config_dir).settings, "always"),
        (of_project, "project"),
        (of_project.with_name("settings.local.json"), "project"),
    ]
    user_base = f"/{config_dir.rstrip('/')}" if config_dir else "~/.claude"
    inside = "/".join((".", *directory.relative_to(project_root(directory, [Path(directory.anchor)])).parts))
    rules: list[ClientRule] = []
    asking, unreadable = 0, []
    for path, scope in files:
        try:
            permissions = _permissions(SettingsFile(path).text)
        except NotOurs as problem:
            unreadable.append(f"{path}: {problem}")
            continue
        asking += len(list(_texts(permissions.get("ask"))))
        for key, action in _DECISIONS.items():
            texts = _texts(permissions.get(key))
            base = inside if scope == "project" else user_base
            rules += [ClientRule(action, _rule_with_path(text, base, action), scope, path) for text in texts]
    ordered = sorted(dict.fromkeys(rules), key=lambda rule: rule.action != "deny")
    return ClientRules(ordered[:rules_max], asking, unreadable)


def _permissions(text: str) -> dict[str, object]:
    settings = json.loads(text) if text.strip() else {}
    permissions = settings.get("permissions") if isinstance(settings, dict) else None
    return permissions if isinstance(permissions, dict) else {}


def _texts(rules: object) -> Iterator[str]:
    if isinstance(rules, list):
        yield from (rule for rule in rules if isinstance(rule, str) and rule.strip())


def _rule_with_path(rule: str, base: str, action: str) -> str:
    """The rule with a path that means the same from the project's root, where that of the settings may be below it:
    `//x` is from the root of the file system, `/x` from the `base` of the settings, `./x` and `x/y` from the directory;
    a name alone is denied wherever it is in the project, and allowed in the directory.
    """
    if not (form := _form.fullmatch(rule.strip())):
        return rule.strip()
    tool, path = form.groups()
    if path.startswith("/") and not path.startswith("//"):
        path = f"{base}{path}"
    elif base.startswith("./") and ("/" in path or action != "deny") and not path.startswith(("/", "~", "**/")):
        path = f"{base}/{path.removeprefix('./')}"
    return f"{tool}({path})"
