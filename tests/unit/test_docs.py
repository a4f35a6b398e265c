"""What the documents say is what the program has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastmcp import Client, FastMCP
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from services.cli.__main__ import COMMANDS
from services.cli.clients.configuration import CLIENTS
from services.gateway.app import register_tools
from services.gateway.backends import open_backends
from services.gateway.config import GatewaySettings
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.directory.working_directory import Workplace
from services.integration.config import IntegrationSettings
from services.memory.config import MemorySettings
from services.quality.config import QualitySettings
from services.quality.domain.scoring import COMPONENTS, Group
from services.session.config import SessionSettings
from tests.documents import reference

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = {path.relative_to(ROOT / "docs").as_posix(): path.read_text() for path in (ROOT / "docs").rglob("*.md")}
EVERYTHING = "\n".join([README, *PAGES.values()])
COMPOSE = (ROOT / "compose.yaml").read_text()
ENVIRONMENT = (ROOT / ".env.example").read_text()
SETTINGS = [GatewaySettings, SessionSettings, MemorySettings, QualitySettings, IntegrationSettings]


def test_the_readme_takes_a_screen_and_a_half() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize(("name", "made"), reference.pages().items())
def test_the_reference_is_made_of_what_the_program_has(name: str, made: str) -> None:
    assert PAGES[f"reference/{name}"] == made, "run python -m tests.documents.reference"


def test_the_asyncapi_document_is_made_of_the_events_types() -> None:
    committed = (ROOT / "docs/reference/asyncapi.json").read_text()
    assert committed == reference.asyncapi_text(), "run python -m tests.documents.reference"


def test_the_reference_lists_every_command() -> None:
    assert set(re.findall(r"^\| `segue (\w+)", PAGES["reference/commands.md"], re.MULTILINE)) == set(COMMANDS)


def test_every_command_that_the_documents_name_exists() -> None:
    assert set(re.findall(r"`(?:\S*/)?segue ([a-z]+)", EVERYTHING)) <= set(COMMANDS)


def test_the_guide_has_the_lines_for_every_client() -> None:
    page = PAGES["guides/other-clients.md"]
    shown = page.partition("<!-- `segue install CLIENT`")[2].partition("<!-- end -->")[0]
    for name, client in CLIENTS.items():
        assert f"`segue install {name}` — {client.title}, in {client.where}:\n" in shown
        assert f"\n{client.lines('segue', {})}\n```" in shown


async def test_the_reference_lists_every_tool() -> None:
    mcp = FastMCP("segue")
    async with open_backends(GatewaySettings()) as backends:
        workplace = Workplace((), ProjectLabels(backends, ()))
        register_tools(mcp, GatewaySettings(), backends, workplace)
        async with Client(mcp) as client:
            tools = {tool.name for tool in await client.list_tools()}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGES["reference/tools.md"], re.MULTILINE)) == tools


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_example_environment_has_every_setting_with_its_default(settings: type[BaseSettings]) -> None:
    for name, field in settings.model_fields.items():
        variable = f"{settings.model_config['env_prefix']}{name.upper()}"
        line = re.search(rf"^# (.*)\n#?{variable}=(.*)$", ENVIRONMENT, re.MULTILINE)
        assert line, variable
        assert line[1] == field.description
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        assert line[2] == (
            "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
        )


FIXED_IN_COMPOSE = {
    "host",
    "port",
    "address",
    "directory",
    "model_directory",
    "model_build",
    "queue_max",
    "drain_s",
    "serve",
}
"""What the images and compose itself depend on; and a key is a file that compose would have to be told of."""


@pytest.mark.parametrize("settings", SETTINGS)
def test_compose_passes_every_setting_on(settings: type[BaseSettings]) -> None:
    for name in set(settings.model_fields) - FIXED_IN_COMPOSE - {"encryption_key_file", "database_url_file"}:
        assert re.search(rf"^ +{settings.model_config['env_prefix']}{name.upper()}:", COMPOSE, re.MULTILINE), name


@pytest.mark.parametrize("name", sorted({*re.findall(r"SEGUE_\w+", EVERYTHING)}))
def test_every_variable_that_the_documents_name_is_in_the_example_environment(name: str) -> None:
    assert name in ENVIRONMENT


def test_the_guide_says_what_the_parts_of_a_quality_score_weigh() -> None:
    weights = {group: sum(each.weight for each in COMPONENTS if each.group == group) for group in Group}
    code, project, velocity, security, permissions, tools = (f"{weights[group]:g}" for group in Group)
    said = " ".join(PAGES["guides/quality.md"].split())
    assert f"code quality has {code}, the project {project}, velocity {velocity} and security {security}" in said
    assert (permissions, tools) == ("0", "0")
    assert "Permissions and the tools of this machine" in said
