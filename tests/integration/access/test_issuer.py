"""Tokens that an issuer signed: a real key server, real signatures, and everything that is wrong with a token."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jwt
from pydantic import ValidationError

from services.gateway.access.identity import Scope
from services.gateway.access.jwt_verifier import METADATA_PATH, IssuedTokens, Issuer
from services.gateway.app import open_gateway
from services.gateway.config import GatewaySettings
from services.kit.errors import Denied, Unauthenticated, Unavailable
from tests.integration.team import Answer, request
from tests.patience import PATIENCE_S

AUDIENCE = "https://segue.example/mcp"


def new_key(kid: str) -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", {"kid": kid})


class KeyServer:
    """An OpenID Connect issuer, as far as whoever checks tokens sees one."""

    def __init__(self) -> None:
        self.keys: dict[str, jwk.ECKey | jwk.RSAKey] = {}
        self.is_broken = False
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                server.may_answer.wait(PATIENCE_S)
                body = json.dumps(server.answer(self.path)).encode() if not server.is_broken else b"<html>"
                self.send_response(200 if not server.is_broken else 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def answer(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [key.as_dict(private=False) | {"use": "sig"} for key in self.keys.values()]}

    def rotate(self, kid: str) -> None:
        """From now on it has this key alone."""
        self.keys = {kid: new_key(kid)}

    def sign(self, kid: str = "one", **claims: Any) -> str:
        """A token of Ada's that is right but for `claims`; None leaves one out."""
        now = int(time.time())
        whole = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "exp": now + 600,
            "iat": now,
            "scope": "write",
        } | claims
        said = {name: value for name, value in whole.items() if value is not None}
        algorithm = "RS256" if isinstance(self.keys[kid], jwk.RSAKey) else "ES256"
        return jwt.encode({"alg": algorithm, "kid": kid}, said, self.keys[kid])

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    server = KeyServer()
    server.rotate("one")
    yield server
    server.close()


def verifier(keys: KeyServer, **settings: Any) -> IssuedTokens:
    return IssuedTokens(Issuer(keys.url, AUDIENCE, algorithm="ES256", **settings), again_s=0)


async def test_a_right_token_says_whose_it_is_and_what_they_may(keys: KeyServer) -> None:
    tokens = verifier(keys)
    caller = await tokens.verify(keys.sign(scope="openid segue:admin"))
    assert (caller.user, caller.scope) == ("ada", Scope.ADMIN)
    assert caller.expires_at is not None
    listed = await tokens.verify(keys.sign(scope=None, scp=["read", "email"]))
    assert listed.scope is Scope.READ
    assert keys.asked == 2  # the configuration and the keys, once


async def test_the_claims_may_be_called_otherwise(keys: KeyServer) -> None:
    tokens = verifier(keys, user_claim="preferred_username", scopes_claim="roles")
    caller = await tokens.verify(keys.sign(preferred_username="Ada.L", roles=["read", "write"], scope="admin"))
    assert (caller.user, caller.scope) == ("Ada.L", Scope.WRITE)
    with pytest.raises(Unauthenticated):
        await tokens.verify(keys.sign(roles=["read"]))


def unsigned(keys: KeyServer) -> str:
    header, payload, _ = keys.sign().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()
    assert header != none
    return f"{none}.{payload}."


def confused(keys: KeyServer) -> str:
    """Signed with the public key as if it were a shared secret."""
    _, payload, _ = keys.sign(scope="admin").split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=").decode()
    public = keys.keys["one"].as_pem(private=False)
    signature = hmac.digest(public, f"{header}.{payload}".encode(), "sha256")
    return f"{header}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def by_another_key(keys: KeyServer) -> str:
    other = KeyServer()
    other.rotate("one")
    token = other.sign(iss=keys.url)
    other.close()
    return token


def with_its_own_key(keys: KeyServer) -> str:
    """A header that brings the key, or says where it is, is not believed."""
    own = new_key("own")
    claims = {"iss": keys.url, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 600, "scope": "admin"}
    return jwt.encode({"alg": "ES256", "jwk": own.as_dict(private=False)}, claims, own)


def tampered(keys: KeyServer) -> str:
    header, payload, signature = keys.sign().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "bob"}).encode()).rstrip(b"=").decode()
    return f"{header}.{changed}.{signature}"


WRONG: dict[str, Any] = {
    "expired": lambda keys: keys.sign(exp=int(time.time()) - 1),
    "no expiry": lambda keys: keys.sign(exp=None),
    "an expiry that is no time": lambda keys: keys.sign(exp="tomorrow"),
    "an expiry beyond all time": lambda keys: keys.sign(exp=10**20),
    "not yet": lambda keys: keys.sign(nbf=int(time.time()) + 3600),
    "another audience": lambda keys: keys.sign(aud="https://other.example"),
    "no audience": lambda keys: keys.sign(aud=None),
    "another issuer": lambda keys: keys.sign(iss="https://evil.example"),
    "no issuer": lambda keys: keys.sign(iss=None),
    "no user": lambda keys: keys.sign(sub=None),
    "the machine's own user": lambda keys: keys.sign(sub="local"),
    "the gateway itself": lambda keys: keys.sign(sub="-gateway"),
    "a user with a line break": lambda keys: keys.sign(sub="ada\nbob"),
    "a user of no letters": lambda keys: keys.sign(sub=""),
    "a user that is no word": lambda keys: keys.sign(sub=["ada"]),
    "unsigned": unsigned,
    "signed by the public key as a secret": confused,
    "signed by another's key of the same name": by_another_key,
    "its own key": with_its_own_key,
    "tampered": tampered,
    "nonsense": lambda _: "a.b.c",
    "one of ours": lambda _: "segue_" + "0" * 49,
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_token_is_nobodys(keys: KeyServer, what: str) -> None:
    tokens = verifier(keys)
    with pytest.raises(Unauthenticated):
        await tokens.verify(WRONG[what](keys))
    assert (await tokens.verify(keys.sign())).user == "ada"


async def test_a_token_without_a_scope_may_nothing_unless_a_setting_says_so(keys: KeyServer) -> None:
    for claims in ({"scope": None}, {"scope": "openid email"}, {"scope": 7}, {"scope": "administrator"}):
        with pytest.raises(Denied, match="none of the scopes"):
            await verifier(keys).verify(keys.sign(**claims))
        caller = await verifier(keys, default_scope=Scope.READ).verify(keys.sign(**claims))
        assert caller.scope is Scope.READ


async def test_keys_that_are_rotated_are_found_and_the_old_one_holds_no_more(keys: KeyServer) -> None:
    tokens = verifier(keys)
    old = keys.sign()
    await tokens.verify(old)
    keys.rotate("two")
    assert (await tokens.verify(keys.sign("two"))).user == "ada"
    with pytest.raises(Unauthenticated):
        await tokens.verify(old)


async def test_unknown_keys_do_not_have_the_issuer_asked_for_each(keys: KeyServer) -> None:
    tokens = IssuedTokens(Issuer(keys.url, AUDIENCE, algorithm="ES256"), again_s=600)
    await tokens.verify(keys.sign())
    asked = keys.asked
    keys.keys["two"] = new_key("two")
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await tokens.verify(keys.sign("two"))
    assert keys.asked == asked


async def test_an_issuer_that_is_down_is_said_and_known_keys_go_on(keys: KeyServer) -> None:
    tokens = verifier(keys)
    keys.is_broken = True
    with pytest.raises(Unavailable, match="keys cannot be fetched"):
        await tokens.verify(keys.sign())
    keys.is_broken = False
    assert (await tokens.verify(keys.sign())).user == "ada"
    keys.is_broken = True
    assert (await tokens.verify(keys.sign())).user == "ada"
    keys.keys["two"] = new_key("two")
    with pytest.raises(Unavailable):
        await tokens.verify(keys.sign("two"))


async def test_a_wrong_token_is_wrong_while_keys_are_fetched_for_another(keys: KeyServer) -> None:
    tokens = verifier(keys)
    await tokens.verify(keys.sign())
    asked = keys.asked
    keys.keys["two"] = new_key("two")
    keys.may_answer.clear()
    waiting = asyncio.create_task(tokens.verify(keys.sign("two")))
    while keys.asked == asked:
        await asyncio.sleep(0)
    with pytest.raises(Unauthenticated):
        await tokens.verify(keys.sign(exp=int(time.time()) - 600))
    assert (await tokens.verify(keys.sign())).user == "ada"
    keys.may_answer.set()
    assert (await waiting).user == "ada"


async def test_a_wrong_token_of_a_known_key_is_wrong_while_the_issuer_is_down(keys: KeyServer) -> None:
    tokens = verifier(keys)
    await tokens.verify(keys.sign())
    keys.keys["two"] = new_key("two")
    keys.is_broken = True
    with pytest.raises(Unavailable):
        await tokens.verify(keys.sign("two"))
    with pytest.raises(Unauthenticated):
        await tokens.verify(keys.sign(aud="another"))


async def test_an_issuer_that_says_it_is_another_is_not_believed(keys: KeyServer) -> None:
    with pytest.raises(Unavailable):
        await IssuedTokens(Issuer(f"{keys.url}/other", AUDIENCE)).verify(keys.sign())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"jwt_issuer": "https://i"},
        {"jwt_audience": "a"},
        {"jwt_issuer": "i", "jwt_audience": "a", "jwt_algorithm": "HS256"},
    ],
)
def test_half_a_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="SEGUE_GATEWAY_JWT"):
        GatewaySettings(auth="jwt", **settings)


async def test_a_gateway_says_whom_to_ask_and_takes_what_they_sign(tmp_path: Path, keys: KeyServer) -> None:
    keys.keys = {"one": jwk.RSAKey.generate_key(2048, {"kid": "one"})}  # RS256 is what is taken without a setting
    nowhere = f"unix:{tmp_path}/nowhere"
    targets: dict[str, Any] = {f"{name}_target": nowhere for name in ("session", "memory", "quality")}
    issuer: dict[str, Any] = {"jwt_issuer": keys.url, "jwt_audience": AUDIENCE, "public_url": "https://segue.example"}
    async with open_gateway(GatewaySettings(port=0, auth="jwt", **issuer, **targets)) as gateway:

        async def ask(path: str, token: str = "", origin: str = "") -> Answer:
            headers: list[tuple[str, str | bytes]] = [("Authorization", f"Bearer {token}")] if token else []
            headers += [("Origin", origin)] if origin else []
            return await asyncio.to_thread(request, gateway.url, "GET", path, headers)

        refused = await ask("/metrics")
        assert refused.status == 401
        metadata = f"https://segue.example{METADATA_PATH}"
        assert refused.headers["www-authenticate"] == f'Bearer realm="segue", resource_metadata="{metadata}"'
        told = await ask(METADATA_PATH)
        assert told.status == 200
        assert told.content["resource"] == "https://segue.example/mcp"
        assert told.content["authorization_servers"] == [f"{keys.url}/"]
        assert told.content["scopes_supported"] == ["read", "write", "admin"]
        assert (await ask("/metrics", keys.sign(scope="read"))).status == 200
        assert (await ask("/metrics", keys.sign(), "https://segue.example")).status == 200
        assert (await ask("/metrics", keys.sign(), "https://evil.example")).status == 403
        assert (await ask("/v1/tokens", keys.sign(scope="write"))).status == 403
        assert (await ask("/metrics", keys.sign(exp=1))).status == 401
