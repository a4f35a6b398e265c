"""Writes the pages of reference that are made of what the program has: `python -m tests.documents.reference`.

A test compares them with what is committed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.cli.__main__ import COMMANDS
from services.cli.bridge.stored_lists import SHIPPED
from services.gateway.access.scopes import TOOLS
from services.gateway.tools.listing import ASKED_ABOUT
from services.gateway.tools.tool_sets import CORE, SETS
from services.kit.events.asyncapi import asyncapi_document
from services.kit.events.event_types import TYPES

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
_schema_lead = """# Tool schemas

What every tool takes and answers, as `tools/list` says it. What an argument that is left out comes to is its default;
null means left out, too. An answer has `success`; where it is false, also `error_code`, `error` and `ways_out`. Fields
that have nothing to say are left out. [Tools](tools.md) says what each is for, and how searches, times and failures are
meant.
"""
_settings_lead = """# Settings

Environment variables; compose reads them from `.env`, and Claude Code also takes them from the `env` block of its
`settings.json`. A `segue` command takes those of its own process, a server those it was started with: `segue stop` ends
one that has old ones. Everything of the one-process mode lives in `SEGUE_DATA_DIR`. `SEGUE_URL`, and `SEGUE_TOKEN` or
`SEGUE_TOKEN_FILE`, point the commands that call a gateway (`connect`, `import`, `export`, `backup`, `status`, `doctor`
and the others) at another one. The table is `.env.example`.

| setting | default | what it does |
| --- | --- | --- |
"""
_options_lead = """# Options of the commands

What each command takes, as `segue COMMAND --help` says it. [Commands](commands.md) says what each is for.
"""


_events_lead = """# Events

What Segue tells other programs, once that is [turned on](../guides/events.md). Types are CloudEvents types; a subject
is the event's name within Segue. Fields that are not known are left out. [asyncapi.json](asyncapi.json) has the same as
an AsyncAPI 3 document.
"""


def asyncapi_text() -> str:
    """The AsyncAPI document as it is committed."""
    return json.dumps(asyncapi_document("1"), indent=2, ensure_ascii=False) + "\n"


def _events() -> Iterator[str]:
    for each in TYPES:
        yield f"\n## {each.subject}\n\n{each.description} Type `{each.type}`, source `/segue/{each.source}`.\n"
        yield "\n| field | type | |\n| --- | --- | --- |\n"
        for name, field in each.fields.items():
            yield f"| `{name}` | {_type(field.schema)} | {_cell(field.description)} |\n"  # type: ignore[arg-type]


def pages() -> dict[str, str]:
    """The text of each page, by its name in docs/reference."""
    return {
        "schemas.md": _schema_lead + "".join(_tools()),
        "settings.md": _settings_lead + "".join(_settings()),
        "options.md": _options_lead + "".join(_options()),
        "events.md": _events_lead + "".join(_events()),
    }


def _tools() -> Iterator[str]:
    for tool in json.loads(SHIPPED.read_text())["tools/list"]["tools"]:
        name = tool["name"]
        yield f"\n## {name}\n\n{tool['description']}\n\n{', '.join(_facts(name, tool.get('annotations', {})))}.\n"
        given = tool["inputSchema"]
        rows = list(_rows(given, set(given.get("required", ()))))
        yield "\n| argument | type | default | |\n| --- | --- | --- | --- |\n" + "".join(rows) if rows else ""
        fields = list(_fields(tool.get("outputSchema", {}).get("properties", {})))
        yield "\n| answer | type | |\n| --- | --- | --- |\n" + "".join(fields) if fields else ""


def _facts(name: str, annotations: dict[str, Any]) -> Iterator[str]:
    """Scope, set, and what the tool may do."""
    yield f"Scope `{TOOLS[name].word}`"
    yield f"set `{next((each for each, names in SETS.items() if name in names), 'core')}`"
    if name in CORE:
        yield "always listed"
    if annotations.get("readOnlyHint"):
        yield "reads only"
    elif annotations.get("destructiveHint", True):
        yield "may remove something"
    if annotations.get("idempotentHint"):
        yield "may be repeated"
    if name in ASKED_ABOUT:
        yield "the client asks its user"


def _rows(schema: dict[str, Any], required: set[str], prefix: str = "") -> Iterator[str]:
    for name, each in schema.get("properties", {}).items():
        default = "needed" if name in required else _value(each["default"]) if "default" in each else ""
        yield f"| `{prefix}{name}` | {_type(each)} | {default} | {_cell(each.get('description', ''))} |\n"


def _fields(properties: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """One row for each field, those of a list's entries and of objects below it."""
    for name, each in properties.items():
        yield f"| `{prefix}{name}` | {_type(each)} | {_cell(each.get('description', ''))} |\n"
        yield from _fields(each.get("properties", {}), f"{prefix}{name}.")
        entries = each.get("items", {})
        if isinstance(entries, dict):
            yield from _fields(entries.get("properties", {}), f"{prefix}{name}[].")


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " · ".join(_value(each) for each in schema["enum"])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(_type(each) for each in options))
    kind = schema.get("type", "any")
    kinds = [kind] if isinstance(kind, str) else list(kind)
    name = " or ".join(each for each in kinds if each != "null")
    if name == "array" and isinstance(schema.get("items"), dict):
        name = f"list of {_type(schema['items'])}"
    least, most = schema.get("minimum", schema.get("minLength")), schema.get("maximum", schema.get("maxLength"))
    if least is not None and most is not None:
        return f"{name}, {least} to {most}"
    return f"{name}, at least {least}" if least is not None else f"{name}, at most {most}" if most is not None else name


def _value(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`" if not isinstance(value, str) else f"`{value}`" if value else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _settings() -> Iterator[str]:
    """One row for each variable of .env.example; several that stand together share what is said of them."""
    said, is_complete = "", False
    for line in (ROOT / ".env.example").read_text().splitlines():
        variable = re.match(r"#?([A-Z_]+)=(.*)$", line)
        if variable:
            is_complete = True
            yield f"| `{variable[1]}` | {_value(variable[2])} | {_cell(said)} |\n"
        elif line.startswith("# "):
            said, is_complete = (line[2:] if is_complete or not said else f"{said} {line[2:]}"), False
        else:
            said, is_complete = "", False


def _options() -> Iterator[str]:
    for name, command in COMMANDS.items():
        yield f"\n## segue {name}\n\n{command.help[0].upper()}{command.help[1:]}.\n"
        rows = [_option(argument, settings) for argument, settings in command.arguments]
        yield "\n| | |\n| --- | --- |\n" + "".join(rows) if rows else ""


def _option(argument: str, settings: Mapping[str, Any]) -> str:
    """One row: the argument as it is typed, and what it does."""
    takes_value = argument.startswith("-") and settings.get("action") not in {"store_true", "store_false"}
    choices = "|".join(map(str, settings.get("choices", ())))
    shown = settings.get("metavar") or choices or argument.lstrip("-").upper().replace("-", "_")
    shown = " ".join(shown) if isinstance(shown, tuple) else shown
    typed = f"{argument} {shown}" if takes_value else argument if argument.startswith("-") else shown
    said = str(settings.get("help", "")).replace("%(default)s", str(settings.get("default"))).replace("%%", "%")
    return f"| `{_cell(typed)}` | {_cell(said)} |\n"


def main() -> None:
    """Writes them."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)
    (REFERENCE / "asyncapi.json").write_text(asyncapi_text())


if __name__ == "__main__":
    main()
