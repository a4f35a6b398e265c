"""Who calls: a gateway that asks for tokens, seen from outside."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from starlette.routing import Route

from services.gateway.access.exposure import refuse_exposure
from services.gateway.access.scopes import INTAKE, OPEN, ROUTES, TOOLS, is_page, needed_for
from services.gateway.app import Activity, GatewayApp, build, open_gateway, register_tools
from services.gateway.backends import open_backends
from services.gateway.config import GatewaySettings
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.directory.working_directory import Workplace
from services.gateway.telemetry.readiness import Readiness
from services.kit import bearer_token
from services.kit.errors import NotReady
from services.session.app import open_session
from services.session.config import SessionSettings
from services.session.domain.tokens import Token, Tokens
from services.session.store.sqlite import open_sqlite
from tests.integration.stack import ROOT, segue
from tests.integration.team import HANDSHAKE, Answer, TeamStack, request
from tests.patience import PATIENCE_S

WRONG = [
    "",
    "segue_",
    "Bearer",
    bearer_token.new_token(),  # of the right form, and nobody's
    "segue_" + "0" * 49,
    "x" * 9000,
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[TeamStack]:
    with TeamStack(tmp_path_factory.mktemp("team") / "data", model_directory) as stack:
        yield stack


def refused(answer: Answer, status: int, code: str) -> dict[str, Any]:
    assert answer.status == status
    content: dict[str, Any] = answer.content
    assert content["success"] is False
    assert content["error_code"] == code
    assert content["error"]
    return content


# --- getting in -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_no_route_but_the_probes_answers_without_a_token(team: TeamStack, method: str, path: str) -> None:
    answer = team.ask(method, path, body={} if method == "POST" else None)
    refused(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == 'Bearer realm="segue"'


@pytest.mark.parametrize(
    "path", ["/v1/anything", "/mcp/../v1/backup", "//mcp", "/%6dcp", "/v1/memories/x", "/", "/docs"]
)
def test_what_is_in_no_table_answers_nobody_without_a_token(team: TeamStack, path: str) -> None:
    refused(team.ask("GET", path), 401, "UNAUTHENTICATED")
    refused(team.ask("GET", path, team.token("ada")), 403, "PERMISSION_DENIED") if path != "/%6dcp" else None


def test_the_probes_answer_everybody(team: TeamStack) -> None:
    assert team.ask("GET", "/health").status == 200
    assert team.ask("GET", "/ready").content["ready"] is True


@pytest.mark.parametrize("token", WRONG, ids=range(len(WRONG)))
def test_a_wrong_token_is_refused_as_the_protocol_wants(team: TeamStack, token: str) -> None:
    answer = team.mcp(token, "initialize", HANDSHAKE)
    refused(answer, 401, "UNAUTHENTICATED")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert token == "" or token not in answer.body.decode()


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "{token}")],
        [("Authorization", "Basic {token}")],
        [("Authorization", "Bearer {token} {token}")],
        [("Authorization", "Bearer {token}"), ("Authorization", "Bearer {token}")],
        [("Authorization", "Bearer {token}é")],
        [("Authorization", "Bearer\t{token}")],
        [("Proxy-Authorization", "Bearer {token}")],
        [("Cookie", "access_token={token}")],
    ],
)
def test_an_odd_header_lets_nobody_in(team: TeamStack, headers: list[tuple[str, str]]) -> None:
    token = team.token("ada")
    sent = [(name, value.format(token=token).encode("latin-1")) for name, value in headers]
    refused(team.raw("GET", "/v1/memories", list(sent)), 401, "UNAUTHENTICATED")


def test_the_scheme_may_be_written_in_any_case(team: TeamStack) -> None:
    assert team.raw("GET", "/v1/memories", [("authorization", f"bearer {team.token('ada')}")]).status == 200


def test_a_token_in_the_address_is_refused_even_beside_the_header(team: TeamStack) -> None:
    token = team.token("ada")
    for sent in (None, token):
        refused(team.ask("GET", f"/v1/memories?access_token={token}", sent), 401, "UNAUTHENTICATED")
        refused(team.ask("GET", f"/v1/memories?token={token}", sent), 401, "UNAUTHENTICATED")
        refused(team.ask("GET", f"/v1/memories?key={token}", sent), 401, "UNAUTHENTICATED")
    assert team.ask("GET", "/v1/removals?project=segue_core", token).status == 200


def test_a_header_that_is_too_long_is_not_read(team: TeamStack) -> None:
    answer = team.raw("GET", "/v1/memories", [("Authorization", f"Bearer {'x' * 100_000}")])
    assert answer.status in {400, 431}


def test_a_rebound_name_is_refused_with_a_token_too(team: TeamStack) -> None:
    answer = team.ask("GET", "/v1/memories", team.token("ada"), headers={"Origin": "https://evil.example"})
    assert answer.status == 403


# --- tokens come and go ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_token_works_at_once_and_a_revoked_one_not_for_long(team: TeamStack) -> None:
    token = segue(team, "token", "create", "eve").stdout.strip()
    assert team.ask("GET", "/v1/memories", token).status == 200
    assert segue(team, "token", "revoke", "eve").returncode == 0
    revoked_at = datetime.now(UTC)
    while team.ask("GET", "/v1/memories", token).status == 200:
        assert datetime.now(UTC) - revoked_at < timedelta(seconds=30), "it still works"
    refused(team.ask("GET", "/v1/memories", token), 401, "UNAUTHENTICATED")


async def test_an_expired_token_is_refused(team: TeamStack) -> None:
    token = bearer_token.new_token()
    long_ago = datetime.now(UTC) - timedelta(days=2)
    async with open_sqlite(team.data_dir / "session" / "session.sqlite", queue_max=10) as store:
        expired = Token("old", "ada", "admin", bearer_token.digest(token).hex(), long_ago, long_ago + timedelta(days=1))
        await store.tokens.add(expired)
    assert "expired" in refused(team.ask("GET", "/v1/memories", token), 401, "UNAUTHENTICATED")["error"]


@pytest.mark.slow
def test_an_admin_makes_lists_and_revokes_tokens_over_the_gateway(team: TeamStack) -> None:
    admin = {"SEGUE_URL": team.url, "SEGUE_TOKEN": team.token("root", "admin")}

    def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.cli", "token", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), **admin, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    made = command("create", "zoe", "--scope", "read", "--expires", "2w")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert bearer_token.is_token(token)
    assert team.ask("GET", "/v1/memories", token).status == 200
    listed = command("list").stdout
    assert any(line.split()[1:3] == ["zoe", "read"] for line in listed.splitlines())
    assert token not in listed
    denied = command("create", "mallory", SEGUE_TOKEN=team.token("ada"))
    assert denied.returncode == 1
    assert "scope admin" in denied.stderr
    assert command("revoke", "zoe").stdout.startswith("1 token revoked")
    assert command("revoke", "zoe").returncode == 1
    for wrong in (("create",), ("create", "a b"), ("create", "x", "--expires", "soon"), ("revoke",)):
        assert command(*wrong).returncode == 1
    with_body = team.ask("POST", "/v1/tokens", admin["SEGUE_TOKEN"], {"user": ["zoe"]})
    refused(with_body, 400, "INVALID_INPUT")
    refused(team.ask("POST", "/v1/tokens", admin["SEGUE_TOKEN"], b"{"), 400, "INVALID_INPUT")


# --- what they may --------------------------------------------------------------------------------


async def test_every_tool_has_its_scope() -> None:
    mcp = FastMCP("segue")
    async with open_backends(GatewaySettings()) as backends:
        workplace = Workplace((), ProjectLabels(backends, ()))
        register_tools(mcp, GatewaySettings(), backends, workplace)
        tools = {tool.name: tool for tool in await mcp.list_tools()}
    assert tools.keys() <= TOOLS.keys()
    for name, tool in tools.items():
        if tool.annotations and tool.annotations.read_only_hint:
            assert TOOLS[name].word == "read", f"{name} says it only reads"


async def test_every_route_has_its_scope() -> None:
    async with open_backends(GatewaySettings()) as backends:
        app = GatewayApp("", Activity(), Readiness(backends), 0)
        mcp = build(GatewaySettings(), backends, [], app)
        routes = [route for route in mcp.http_app().routes if isinstance(route, Route)]
    served = {(method, route.path) for route in routes for method in route.methods or () if method != "HEAD"}
    pages = {(method, path) for method, path in served if is_page(path)}
    assert ("GET", "/page/today") in pages
    signed = {("POST", f"{INTAKE}{{id}}")}
    assert served - pages - signed - {(method, path) for method, path in served if path in OPEN} <= ROUTES.keys()
    assert needed_for("POST", f"{INTAKE}abc") is None
    for method, path in (("GET", f"{INTAKE}abc"), ("POST", INTAKE), ("POST", f"{INTAKE}a/b"), ("POST", "/v1/intakes")):
        assert needed_for(method, path) is not None


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["read", "write", "admin"])
async def test_a_token_may_what_its_scope_says_and_no_more(team: TeamStack, scope: str) -> None:
    levels = ["read", "write", "admin"]
    allowed = set(levels[: levels.index(scope) + 1])
    async with team.client("ada", scope) as mcp:
        for tool in await mcp.list_tools():
            if tool.name in {"init", "checkpoint", "end"} and "write" in allowed:
                continue  # they begin a session; below
            result = await mcp.call_tool(tool.name, {}, raise_on_error=False)
            content = result.structured_content or {}
            was_denied = content.get("error_code") == "PERMISSION_DENIED"
            assert was_denied == (TOOLS[tool.name].word not in allowed), (tool.name, content)
    for (method, path), needed in ROUTES.items():
        if path != "/mcp":
            answer = team.ask(method, path, team.token("ada", scope), {} if method == "POST" else None)
            assert (answer.status == 403) == (needed.word not in allowed), path
            if answer.status == 403:
                expected = f'Bearer realm="segue", error="insufficient_scope", scope="{needed.word}"'
                assert answer.headers["www-authenticate"] == expected


# --- whose connection it is -----------------------------------------------------------------------


def test_a_session_of_the_protocol_is_its_users_alone(team: TeamStack) -> None:
    ada, bob = team.token("ada"), team.token("bob")
    session = team.mcp(ada, "initialize", HANDSHAKE).headers["mcp-session-id"]
    stored = team.mcp(
        ada, "tools/call", {"name": "store_reflection", "arguments": {"content": "Ada likes walruses."}}, session
    )
    assert stored.content["result"]["structuredContent"]["success"] is True
    asked = {"name": "reflect_on_past", "arguments": {"query": "walruses"}}
    theirs = team.mcp(bob, "tools/call", asked, session)
    assert "walruses" not in theirs.body.decode()  # answered for Bob, or not at all
    assert team.ask("GET", "/mcp", bob, headers={"Mcp-Session-Id": session}).status in {404, 405}
    team.ask("DELETE", "/mcp", bob, headers={"Mcp-Session-Id": session})
    own = team.mcp(ada, "tools/call", asked, session)  # Bob could not end it
    assert "Ada likes walruses" in own.body.decode()
    refused(team.mcp(None, "tools/call", asked, session), 401, "UNAUTHENTICATED")


def test_a_session_that_began_with_more_rights_lends_them_to_no_other_token(team: TeamStack) -> None:
    """The connection is the same user's, so it may go on; each request may only what its own token may."""
    session = team.mcp(team.token("ada", "admin"), "initialize", HANDSHAKE).headers["mcp-session-id"]
    store = {"name": "store_reflection", "arguments": {"content": "Not with this token."}}
    answer = team.mcp(team.token("ada", "read"), "tools/call", store, session)
    assert answer.content["result"]["structuredContent"]["error_code"] == "PERMISSION_DENIED"


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_each_sees_their_own_in_both_eras(team: TeamStack, mode: str) -> None:
    async with team.client("ada", mode=mode) as ada, team.client("bob", mode=mode) as bob:
        mine = await ada.call_tool("store_reflection", {"content": f"The heron of {mode} is Ada's.", "project": mode})
        found = await bob.call_tool("reflect_on_past", {"query": "heron", "project": mode}, raise_on_error=False)
        assert "Ada's" not in str(found.structured_content)
        taken = await bob.call_tool(
            "get_memory", {"id": mine.structured_content["reflection_id"]}, raise_on_error=False
        )
        assert taken.structured_content["error_code"] == "NOT_FOUND"
        again = await ada.call_tool("reflect_on_past", {"query": "heron", "project": mode})
        assert "Ada's" in str(again.structured_content)


# --- what stays out of sight ----------------------------------------------------------------------


def test_no_token_is_in_the_logs_or_the_data(team: TeamStack) -> None:
    team.ask("GET", "/v1/memories", bearer_token.new_token())
    everything = [
        team.log,
        *(path for path in team.data_dir.rglob("*") if path.is_file() and "model" not in path.parts),
    ]
    for path in everything:
        content = path.read_bytes()
        assert b"segue_" not in content, path
        assert all(token.encode() not in content for token in team.tokens.values()), path


async def test_what_one_gateway_revokes_another_refuses_soon(tmp_path: Path) -> None:
    address, nowhere = f"unix:{tmp_path}/session", f"unix:{tmp_path}/nowhere"
    settings = GatewaySettings(
        port=0, auth="tokens", session_target=address, memory_target=nowhere, quality_target=nowhere
    )
    async with open_session(SessionSettings(address=address, directory=tmp_path)):
        async with open_sqlite(tmp_path / "session.sqlite", queue_max=10) as store:
            made = {scope: (await Tokens(store.tokens).create(scope, scope, 0))[1] for scope in ("admin", "read")}
        async with open_gateway(settings) as one, open_gateway(settings) as other:

            async def ask(url: str, scope: str, method: str, path: str, body: bytes | None = None) -> Answer:
                headers: list[tuple[str, str | bytes]] = [("Authorization", f"Bearer {made[scope]}")]
                return await asyncio.to_thread(request, url, method, path, headers, body)

            assert (await ask(other.url, "read", "GET", "/metrics")).status == 200
            revoked = await ask(one.url, "admin", "POST", "/v1/tokens/revoke", b'{"which": "read"}')
            assert revoked.content == {"revoked": 1}
            while (answer := await ask(other.url, "read", "GET", "/metrics")).status == 200:
                pass
            refused(answer, 401, "UNAUTHENTICATED")


# --- a gateway that others can reach --------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "published_on", "auth", "starts"),
    [
        ("127.0.0.1", "", "none", True),
        ("0.0.0.0", "", "none", False),
        ("0.0.0.0", "127.0.0.1", "none", True),
        ("0.0.0.0", "0.0.0.0", "none", False),
        ("127.0.0.1", "192.168.1.5", "none", False),
        ("::", "", "none", False),
        ("::1", "", "none", True),
        ("0.0.0.0", "0.0.0.0", "tokens", True),
        ("segue.example", "", "none", False),
    ],
)
def test_a_gateway_beyond_loopback_asks_who_calls_or_does_not_start(
    host: str, published_on: str, auth: Any, starts: bool
) -> None:
    settings = GatewaySettings(host=host, published_on=published_on, auth=auth)
    if starts:
        refuse_exposure(settings)
        return
    with pytest.raises(NotReady, match="anybody") as refusal:
        refuse_exposure(settings)
    assert any("SEGUE_GATEWAY_AUTH=tokens" in each for each in refusal.value.suggestions)


def test_the_public_address_may_be_called_by_its_name() -> None:
    settings = GatewaySettings(allowed_hosts=["segue.lan"], public_url="https://segue.example:8443/")
    assert settings.hosts == ["segue.lan", "segue.example"]
    assert settings.origins == ["https://segue.example:8443"]
    assert (GatewaySettings().hosts, GatewaySettings().origins) == (None, None)


@pytest.mark.slow
def test_segue_serve_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "serve", "--host", "0.0.0.0", "--port", "0"],
        env=os.environ | {"SEGUE_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "SEGUE_GATEWAY_AUTH=tokens" in done.stderr
    assert not (tmp_path / "data" / "memory").exists()


async def test_a_gateway_whose_session_service_is_gone_says_that_and_lets_nobody_in(tmp_path: Path) -> None:
    """A token can be neither right nor wrong then; one that was just seen to be right holds for its moment."""
    address = f"unix:{tmp_path}/session"
    nowhere = f"unix:{tmp_path}/nowhere"
    settings = GatewaySettings(
        port=0, auth="tokens", session_target=address, memory_target=nowhere, quality_target=nowhere
    )
    sessions = open_session(SessionSettings(address=address, directory=tmp_path))
    await sessions.__aenter__()
    async with open_sqlite(tmp_path / "session.sqlite", queue_max=10) as store:
        _, token = await Tokens(store.tokens).create("ada", "read", 0)
    async with open_gateway(settings) as gateway:

        async def asked() -> Answer:
            headers: list[tuple[str, str | bytes]] = [("Authorization", f"Bearer {token}")]
            return await asyncio.to_thread(request, gateway.url, "GET", "/metrics", headers)

        assert (await asked()).status == 200
        await sessions.__aexit__(None, None, None)
        while (answer := await asked()).status == 200:
            pass
        refused(answer, 503, "SESSION_UNAVAILABLE")
        assert answer.headers["retry-after"]
        async with open_session(SessionSettings(address=address, directory=tmp_path)):
            while (answer := await asked()).status == 503:
                pass
            assert answer.status == 200
