"""The lines that redaction is measured on: templates in text files, secrets made up here in the published formats.

No secret stands in the repository: `secrets.txt` and `harmless.txt` name the kind of value in ⟦brackets⟧ (⏎ is a line
break), and a seed taken from the line itself makes the same value on every machine.
"""

from __future__ import annotations

import base64
import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from services.kit.redaction import find

FOLDER = Path(__file__).parent
_MARK = re.compile("⟦([a-z0-9_]+)⟧")

Maker = Callable[[random.Random], str]

ALNUM = string.ascii_letters + string.digits
LOWER_ALNUM = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"
BASE64 = ALNUM + "+/"
URL_SAFE = ALNUM + "_-"
WORDS = "Winter Falcon harbor Copper maple Tiger Orbit velvet Rocket Bremen sunset Kettle pepper Zebra Anchor".split()  # noqa: SIM905


@dataclass(frozen=True)
class Line:
    """One sample: where the made-up secrets are in it, and whether rules may be tuned on it."""

    text: str
    secrets: tuple[tuple[int, int], ...]
    held_out: bool


def secret_lines() -> list[Line]:
    """Lines with at least one secret each."""
    return [_line(template) for template in _templates("secrets.txt")]


def harmless_lines() -> list[Line]:
    """Lines that must pass untouched; long digests and images in them are made up too."""
    return [_line(template) for template in _templates("harmless.txt")]


def _templates(name: str) -> list[str]:
    return [line for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def _line(template: str) -> Line:
    seed = crc32(template.encode())
    rng = random.Random(seed)
    text, spans, at = "", [], 0
    for mark in _MARK.finditer(template):
        text += template[at : mark.start()].replace("⏎", "\n")
        value = MAKERS[mark[1]](rng)
        spans.append((len(text), len(text) + len(value)))
        text, at = text + value, mark.end()
    return Line(text + template[at:].replace("⏎", "\n"), tuple(spans), held_out=seed % 2 == 1)


def characters(alphabet: str, length: int, before: str = "", after: str = "") -> Maker:
    """A maker of `length` characters of an alphabet, as random as an issuer's, between two fixed parts."""
    return lambda rng: before + "".join(rng.choices(alphabet, k=length)) + after


def joined(*parts: Maker | str) -> Maker:
    return lambda rng: "".join(part if isinstance(part, str) else part(rng) for part in parts)


def one_of(*makers: Maker) -> Maker:
    return lambda rng: rng.choice(makers)(rng)


def encoded(text: Maker) -> Maker:
    return lambda rng: base64.b64encode(text(rng).encode()).decode()


def _word(rng: random.Random) -> str:
    return rng.choice(WORDS)


def _pem(name: str, lines: int, separator: str = "\n", *, end: bool = True, header: str = "") -> Maker:
    """An armoured block; cut short in its last line where it has no end."""

    def make(rng: random.Random) -> str:
        body = ["".join(rng.choices(BASE64, k=64)) for _ in range(lines)]
        last = "".join(rng.choices(BASE64, k=37)) + ("=" if end else "")
        closing = [f"-----END {name}-----"] if end else []
        return separator.join([f"-----BEGIN {name}-----", *header.splitlines(), *body, last, *closing])

    return make


def _uuid(rng: random.Random) -> str:
    digits = "".join(rng.choices(HEX, k=32))
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _jwt(rng: random.Random) -> str:
    parts = ['{"alg":"HS256","typ":"JWT"}', f'{{"sub":"{rng.randrange(10**9)}","iat":{rng.randrange(10**10)}}}']
    coded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, "".join(rng.choices(URL_SAFE, k=43))])


def _discord(rng: random.Random) -> str:
    account = base64.urlsafe_b64encode(str(rng.randrange(10**17, 10**18)).encode()).decode().rstrip("=")
    return ".".join([account, "".join(rng.choices(URL_SAFE, k=6)), "".join(rng.choices(URL_SAFE, k=38))])


def _slack_digits(rng: random.Random) -> str:
    return "".join(rng.choices(string.digits, k=12))


# As people choose them: a word, digits, a sign; or as a password manager makes them.
_simple_password = one_of(
    joined(_word, characters(string.digits, 4)),
    joined(_word, _word, characters(string.digits, 2)),
    joined(characters(string.ascii_letters, 1), characters(ALNUM, 14), characters(string.digits, 1)),
    joined(_word, "-", _word, "-", characters(string.digits, 3)),
)
_signed_password = one_of(
    joined(_word, characters(string.digits, 4), characters("!*?", 1)),
    joined(_word, characters("!#%*^+", 1), _word, characters(string.digits, 2)),
    joined(characters(ALNUM, 8), characters("!%*^+~", 2), characters(ALNUM, 6)),
)
_opaque = one_of(
    characters(ALNUM, 32),
    joined(characters(ALNUM, 21), characters(URL_SAFE, 21), characters(ALNUM, 1)),
    joined(characters(ALNUM, 11), "_", characters(ALNUM, 24)),
    joined("acme_", characters(ALNUM, 36)),
    characters(HEX, 40),
)
_private_key = "PRIVATE KEY"

MAKERS: dict[str, Maker] = {
    "alnum32": characters(ALNUM, 32),
    "alnum40": characters(ALNUM, 40),
    "alnum45": characters(ALNUM, 45),
    "alnum50": characters(ALNUM, 50),
    "base32": characters(BASE32, 32),
    "base64_24": characters(BASE64, 22, after="=="),
    "base64_28": characters(BASE64, 27, after="="),
    "base64_300": characters(BASE64, 300),
    "base64_43": characters(BASE64, 43),
    "base64_44": characters(BASE64, 43, after="="),
    "base64_64": characters(BASE64, 64),
    "base64_88": characters(BASE64, 86, after="=="),
    "base64_password": encoded(_signed_password),
    "base64url_342": characters(URL_SAFE, 342),
    "hex128": characters(HEX, 128),
    "hex16": characters(HEX, 16),
    "hex24": characters(HEX, 24),
    "hex32": characters(HEX, 32),
    "hex32_upper": characters(HEX.upper(), 32),
    "hex40": characters(HEX, 40),
    "hex40_upper": characters(HEX.upper(), 40),
    "hex64": characters(HEX, 64),
    "uuid": _uuid,
    "opaque": _opaque,
    "password": one_of(_simple_password, _signed_password),
    "password_prose": one_of(_simple_password, _signed_password),
    "password_quotable": one_of(_simple_password, _signed_password),
    "url_password": _simple_password,
    "basic": encoded(joined(_word, ":", _simple_password)),
    "jwt": _jwt,
    "session": one_of(characters(LOWER_ALNUM, 32), characters(ALNUM, 26)),
    "connect_sid": joined("s%3A", characters(URL_SAFE, 32), ".", characters(ALNUM, 43)),
    "django": characters(LOWER_ALNUM + "!@#$%^&*(-_=+)", 50),
    "wordpress": characters(ALNUM + "!@#$%^&*()-_ []{}<>~+=,.;:/?|", 64),
    "fernet": characters(URL_SAFE, 43, after="="),
    # issuers
    "age": characters("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58, "AGE-SECRET-KEY-1"),
    "anthropic": characters(URL_SAFE, 93, "sk-ant-api03-", "AA"),
    "anthropic_admin": characters(URL_SAFE, 93, "sk-ant-admin01-", "AA"),
    "anthropic_oauth": characters(URL_SAFE, 93, "sk-ant-oat01-", "AA"),
    "atlassian": joined(characters(URL_SAFE, 171, "ATATT3xFfGF0"), "=", characters("0123456789ABCDEF", 8)),
    "aws_id": characters(BASE32, 16, "AKIA"),
    "aws_secret": characters(BASE64, 40),
    "aws_session": characters(BASE64, 340, "IQoJb3JpZ2luX2Vj", "=="),
    "aws_temporary_id": characters(BASE32, 16, "ASIA"),
    "azure_client": joined(characters(ALNUM, 3), "8Q~", characters(ALNUM + "_.-~", 33), characters(ALNUM, 1)),
    "azure_sas": characters(ALNUM, 42, after="%3D"),
    "azure_shared": characters(BASE64, 43, after="="),
    "azure_storage": characters(BASE64, 86, after="=="),
    "bitbucket": characters(ALNUM, 32, "ATBB"),
    "databricks": characters(HEX, 32, "dapi"),
    "digitalocean": characters(HEX, 64, "dop_v1_"),
    "discord": _discord,
    "discord_webhook": joined(
        "https://discord.com/api/webhooks/", characters("123456789", 18), "/", characters(URL_SAFE, 68)
    ),
    "docker": characters(URL_SAFE, 26, "dckr_pat_", "x"),
    "doppler": characters(ALNUM, 43, "dp.pt."),
    "dynatrace": joined("dt0c01.", characters(BASE32, 24), ".", characters(BASE32, 64)),
    "figma": characters(URL_SAFE, 40, "figd_"),
    "github": characters(ALNUM, 36, "ghp_"),
    "github_fine": joined("github_pat_", characters(ALNUM, 22), "_", characters(ALNUM, 59)),
    "github_oauth": characters(ALNUM, 36, "gho_"),
    "github_refresh": characters(ALNUM, 76, "ghr_"),
    "github_server": characters(ALNUM, 36, "ghs_"),
    "github_user": characters(ALNUM, 36, "ghu_"),
    "gitlab": characters(URL_SAFE, 19, "glpat-", "x"),
    "gitlab_deploy": characters(URL_SAFE, 19, "gldt-", "x"),
    "gitlab_runner": characters(URL_SAFE, 19, "glrt-", "x"),
    "gitlab_trigger": characters(HEX, 40, "glptt-"),
    "google": characters(URL_SAFE, 34, "AIza", "x"),
    "google_access": characters(URL_SAFE, 160, "ya29.a0", "x"),
    "google_client_secret": characters(URL_SAFE, 27, "GOCSPX-", "x"),
    "google_refresh": characters(URL_SAFE, 98, "1//0", "x"),
    "grafana": joined("glsa_", characters(ALNUM, 32), "_", characters(HEX, 8)),
    "groq": characters(ALNUM, 52, "gsk_"),
    "heroku": characters(URL_SAFE, 57, "HRKU-AA", "x"),
    "huggingface": characters(string.ascii_letters, 34, "hf_"),
    "langsmith": joined("lsv2_pt_", characters(HEX, 32), "_", characters(HEX, 10)),
    "linear": characters(ALNUM, 40, "lin_api_"),
    "mailchimp": characters(HEX, 32, after="-us14"),
    "mailgun": characters(HEX, 32, "key-"),
    "mailgun_new": joined(characters(HEX, 32), "-", characters(HEX, 8), "-", characters(HEX, 8)),
    "newrelic": characters(BASE32, 27, "NRAK-"),
    "notion": joined("ntn_", characters(string.digits, 11), characters(ALNUM, 35)),
    "npm": characters(ALNUM, 36, "npm_"),
    "openai": joined("sk-", characters(ALNUM, 20), "T3BlbkFJ", characters(ALNUM, 20)),
    "openai_project": joined("sk-proj-", characters(URL_SAFE, 74), "T3BlbkFJ", characters(URL_SAFE, 73), "A"),
    "openai_service": joined("sk-svcacct-", characters(URL_SAFE, 74), "T3BlbkFJ", characters(URL_SAFE, 73), "A"),
    "openrouter": characters(HEX, 64, "sk-or-v1-"),
    "openshift": characters(URL_SAFE, 42, "sha256~", "x"),
    "perplexity": characters(ALNUM, 48, "pplx-"),
    "planetscale": characters(URL_SAFE, 42, "pscale_pw_", "x"),
    "postman": joined("PMAK-", characters(HEX, 24), "-", characters(HEX, 34)),
    "pulumi": characters(HEX, 40, "pul-"),
    "pypi": characters(URL_SAFE, 160, "pypi-AgEIcHlwaS5vcmcC", "x"),
    "replicate": characters(ALNUM, 37, "r8_"),
    "rubygems": characters(HEX, 48, "rubygems_"),
    "segue": characters(ALNUM, 49, "segue_"),
    "sendgrid": joined("SG.", characters(URL_SAFE, 22), ".", characters(URL_SAFE, 42), "x"),
    "sentry": joined(
        "sntrys_", encoded(lambda rng: f'{{"iat":{rng.random()},"org":"acme"}}'), "_", characters(ALNUM, 43)
    ),
    "shopify": characters(HEX, 32, "shpat_"),
    "shopify_shared": characters(HEX, 32, "shpss_"),
    "slack_app": joined("xapp-1-A", characters(BASE32, 10), "-", _slack_digits, "-", characters(HEX, 64)),
    "slack_bot": joined("xoxb-", _slack_digits, "-", _slack_digits, "-", characters(ALNUM, 24)),
    "slack_user": joined("xoxp-", _slack_digits, "-", _slack_digits, "-", _slack_digits, "-", characters(HEX, 32)),
    "slack_webhook": joined(
        "https://hooks.slack.com/services/T",
        characters(BASE32, 8),
        "/B",
        characters(BASE32, 8),
        "/",
        characters(ALNUM, 24),
    ),
    "square": characters(URL_SAFE, 59, "EAAA", "x"),
    "square_secret": characters(URL_SAFE, 42, "sq0csp-", "x"),
    "stripe": characters(ALNUM, 24, "sk_live_"),
    "stripe_long": characters(ALNUM, 99, "sk_live_51"),
    "stripe_restricted": characters(ALNUM, 24, "rk_live_"),
    "stripe_webhook": characters(ALNUM, 32, "whsec_"),
    "supabase": characters(HEX, 40, "sbp_"),
    "tailscale": joined("tskey-auth-", characters(ALNUM, 17), "-", characters(ALNUM, 32)),
    "telegram": characters(URL_SAFE, 32, "AA", "x"),
    "terraform": joined(characters(ALNUM, 14), ".atlasv1.", characters(URL_SAFE, 66), "x"),
    "twilio": characters(HEX, 32, "SK"),
    "vault": characters(ALNUM, 24, "hvs."),
    "vault_batch": characters(URL_SAFE, 140, "hvb.AAAAAQ", "x"),
    "xai": characters(ALNUM, 80, "xai-"),
    # password hashes
    "apr1": joined("$apr1$", characters(ALNUM, 8), "$", characters(ALNUM + "./", 22)),
    "argon2": joined("$argon2id$v=19$m=65536,t=3,p=4$", characters(BASE64, 22), "$", characters(BASE64, 43)),
    "bcrypt": characters(ALNUM + "./", 53, "$2b$12$"),
    "django_hash": joined("pbkdf2_sha256$600000$", characters(ALNUM, 22), "$", characters(BASE64, 43), "="),
    "sha512crypt": joined("$6$", characters(ALNUM, 16), "$", characters(ALNUM + "./", 86)),
    "sha_htpasswd": characters(BASE64, 27, "{SHA}", "="),
    # private keys
    "pgp_key": _pem(f"PGP {_private_key} BLOCK", 9, header="Version: GnuPG v2\n\n"),
    "private_key_base64": encoded(_pem(f"RSA {_private_key}", 5)),
    "private_key_cut": _pem(_private_key, 4, end=False),
    "private_key_diff": _pem(_private_key, 4, "\n+"),
    "private_key_ec": _pem(f"EC {_private_key}", 2),
    "private_key_encrypted": _pem(
        f"RSA {_private_key}",
        6,
        header="Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,8F2C0B6A1D3E5F7091A2B3C4D5E6F708\n",
    ),
    "private_key_escaped": _pem(_private_key, 7, "\\n"),
    "private_key_escaped_cut": _pem(_private_key, 3, "\\n", end=False),
    "private_key_indented": _pem(_private_key, 4, "\n  "),
    "private_key_openssh": _pem(f"OPENSSH {_private_key}", 5),
    "private_key_plain": _pem(_private_key, 4),
    "private_key_quoted": _pem(_private_key, 4, "\n> "),
    "private_key_rsa": _pem(f"RSA {_private_key}", 8),
}


def covers(line: Line) -> bool:
    """Whether every character of every secret is found."""
    found = find(line.text)
    return all(any(secret.start <= start and end <= secret.end for secret in found) for start, end in line.secrets)
