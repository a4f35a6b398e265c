"""Segue's table in Codex CLI's `config.toml`."""

from __future__ import annotations

import tomllib

import pytest

from services.cli.clients.claude_code import Taken
from services.cli.clients.codex_config import has_server, with_server, without_server

PROGRAM = "/opt/segue/bin/segue"
OTHERS = """# mine
model = "o3"   # for now

[mcp_servers.notes]
command = "notes"

[profiles.fast]
model = "mini"
"""


@pytest.mark.parametrize("before", ["", OTHERS, 'model = "o3"\n', OTHERS.replace("\n", "\r\n")])
def test_the_table_comes_and_goes_to_the_byte(before: str) -> None:
    there = with_server(before, PROGRAM, {"SEGUE_DATA_DIR": 'C:\\a "b"'})

    assert there.startswith(before)
    assert tomllib.loads(there)["mcp_servers"]["segue"] == {
        "command": PROGRAM,
        "args": ["connect"],
        "env": {"SEGUE_DATA_DIR": 'C:\\a "b"'},
        "startup_timeout_sec": 30,
    }
    assert with_server(there, PROGRAM, {}) == there
    assert without_server(there) == before


def test_a_file_without_a_last_line_end_reads_as_before() -> None:
    there = with_server('model = "o3"', PROGRAM, {})

    assert tomllib.loads(without_server(there)) == {"model": "o3"}


def test_another_installation_is_put_in_its_place_and_what_the_user_added_stays() -> None:
    there = with_server(OTHERS, "/old/segue", {"SEGUE_URL": "https://a"})
    there = there.replace("startup_timeout_sec = 30", "startup_timeout_sec = 30\nenabled = false # mine")
    there += '\n[mcp_servers.segue.tools.init]\napproval_mode = "approve"\n\n[tui]\nnotifications = true\n'
    updated = with_server(there, PROGRAM, {"SEGUE_DATA_DIR": "/d"})

    assert updated == there.replace("/old/segue", PROGRAM).replace(
        'env = { SEGUE_URL = "https://a" }', 'env = { SEGUE_URL = "https://a", SEGUE_DATA_DIR = "/d" }'
    )
    assert without_server(updated) == f"{OTHERS}\n[tui]\nnotifications = true\n"


def test_a_server_of_that_name_that_is_not_ours_is_left_alone() -> None:
    text = '[mcp_servers.segue]\ncommand = "other"\nargs = ["x"]\n'

    with pytest.raises(Taken):
        with_server(text, PROGRAM, {})
    assert not has_server(text)
    assert without_server(text) == text


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { segue = { command = "/old/segue", args = ["connect"] } }\n',
        '[mcp_servers]\nsegue.command = "/old/segue"\nsegue.args = ["connect"]\n',
        '[mcp_servers."segue"]\ncommand = "/old/segue"\nargs = ["connect"]\n',
        '[mcp_servers.segue]\ncommand = "/old/segue"\nargs = [\n  "connect",\n]\n',
        "no TOML at all",
        '[mcp_servers]\nsegue = 7\nx = """\n[mcp_servers.segue]\n"""\n',
    ],
)
def test_what_cannot_be_changed_for_certain_is_left_to_the_user(text: str) -> None:
    with pytest.raises((ValueError, Taken)):
        with_server(text, PROGRAM, {})


def test_a_text_that_looks_like_our_table_is_not_taken_for_it() -> None:
    text = 'notes = """\n[mcp_servers.segue]\ncommand = "x"\n"""\n'
    there = with_server(text, PROGRAM, {})

    assert tomllib.loads(there)["notes"] == tomllib.loads(text)["notes"]
    with pytest.raises(ValueError, match="cannot be told"):
        without_server(there)
