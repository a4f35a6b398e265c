"""Rules for secrets recognised by context: after a name, in a URL, a header, a command. The scan uses them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from services.kit.redaction import values


class Rule(NamedTuple):
    """`pattern` is tried, case-insensitively, wherever an anchor (in lower case) occurs in the text.

    The last group that matched is the secret, or the whole match. `accepts(value, bare)` decides on it; bare is a value
    without quotes. With `after`, one of these words must precede the anchor in the same line.

    """

    kind: str
    anchors: tuple[str, ...]
    pattern: str
    accepts: Callable[[str, bool], bool]
    after: tuple[str, ...] = ()


_VALUE_CHARS_MAX = 4_000
_BARE_CHARS_MAX = 500  # the scan continues at the end of an accepted value

CLAUSE_ENDS = "，。；、）」"  # noqa: RUF001 - where no space ends a value
_QUOTED = (
    rf'(?:[brf]?(?:\\{{1,7}}"([^"\\\n]{{1,{_VALUE_CHARS_MAX}}}+)|"((?:[^"\\\n]|\\.){{1,{_VALUE_CHARS_MAX}}}+)'
    rf"|'((?:[^'\\\n]|\\.){{1,{_VALUE_CHARS_MAX}}}+)|`([^`\n]{{1,{_VALUE_CHARS_MAX}}}+)))"
)
_BARE = rf"((?![\"'`])[^\s\"'`<>,;&)\]}}|\\{CLAUSE_ENDS}]{{1,{_BARE_CHARS_MAX}}}+)"
_WRAPPER = r"(?:(?:String::from|Buffer\.from|Some|bytes|str|Secret(?:Str(?:ing)?)?)\([ \t]*)?"

_IS = r"[ \t]+(?:is|was|to|ist|war|lautet|est|es|era|é|è|jest|är)[ \t:]+"

# Between a name and its value: `name = `, `"name": `, `name: str = `, `["name"] = `, `'NAME', '…'`,
# <name>…</name>, name="…" value="…" and the two lines of a Kubernetes variable.
_GAP = r"[ \t\xa0\u3000]"
_TYPE = r"[ \t]*:[ \t]*&?[\w.]{1,40}+[ \t]*=(?!=)[ \t]*"
_SIGN = rf"{_GAP}*(?:=>|->|:=|={{1,3}}|::?(?:\*\*)?|<<<|\||[：＝→⇒—–]){_GAP}*"  # noqa: RUF001 - as people type them
_NAME_END = r"\\{0,7}(?:[\"'\])]|\*\*){0,3}+(?:[ \t](?:for|of|on) (?:the )?[\w.@-]{1,40}+)?"
_VALUE_NEXT = r"(?:[ \t]+value=|[ \t]*\n[ \t]*value:[ \t]*)"
_ASSIGNED = (
    rf"{_NAME_END}(?:(?:{_TYPE}|{_SIGN}|{_VALUE_NEXT})(?:{_WRAPPER}{_QUOTED}|{_BARE})"
    rf"|,[ \t]*{_QUOTED}|{_IS}(?:{_QUOTED}|{_BARE})|>([^<\s]{{1,{_BARE_CHARS_MAX}}}+)</)"
)
# The value alone on the next line, as in YAML's blocks.
_BELOW = rf"{_NAME_END}[ \t]*[:=][ \t]*(?:[|>][+-]?)?[ \t]*\r?\n[ \t]*(?:{_QUOTED}|{_BARE})(?=[ \t]*(?:\r?\n|$))"
_SPACE = rf"[ \t]+(?:{_QUOTED}|{_BARE})"

_MORE = (
    r"(?:[_-]?(?:access|api|auth|base|data|dev|key|live|new|old|phrase|prod|production|salt|secret|staging|string|test"
    r"|token|value|word|[0-9]{1,2})){0,4}+s?"
)
_PASS = (
    "(?:(?<![a-z])|" + "|".join(f"(?<={owner})" for owner in ("db", "my", "user", "admin", "root", "mail")) + ")pass"
)
_PASSWORD = rf"(?:passw(?:or)?ds?|passphrases?|{_PASS}|pwd|psk)(?:[_-]?(?:[0-9]{{1,2}}|prod|dev|staging|value))?"
_FOREIGN_PASSWORDS = (
    "passwort",
    "kennwort",
    "mot de passe",
    "contraseña",
    "contrasena",
    "senha",
    "wachtwoord",
    "hasło",
    "heslo",
    "lösenord",
    "adgangskode",
    "passord",
    "salasana",
    "jelszó",
    "parola",
    "şifre",
    "пароль",
    "κωδικός",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "비밀번호",
    "암호",
    "mật khẩu",
    "kata sandi",
    "كلمة المرور",
    "كلمة السر",
    "סיסמה",
    "סיסמא",
    "पासवर्ड",
    "รหัสผ่าน",
)
_IS_WITHOUT_SPACE = rf"{_GAP}*(?:是|为|為|は|는|은){_GAP}*(?:{_QUOTED}|{_BARE})"
_PASSWORD_ANCHORS = ("passw", "passphrase", "pass", "pwd", "psk")


def _behind(words: str, *between: str) -> str:
    """A look-behind for any of these words, and the text allowed between it and here."""
    return "|".join(f"(?<={word}{mark})" for word in words.split() for mark in between)


# These words make a key a secret one.
_TELLING_WORDS = (
    "api app access admin account client crypt encryption fernet hmac jwt license master preshared primary private"
    " secondary secret service shared sign signing storage auth openai anthropic claude gemini mistral groq github"
    " gitlab stripe slack twilio sendgrid datadog cloudflare azure aws gcp huggingface deepl"
)
_KEY = f"(?:{_behind(_TELLING_WORDS, '', '_', '-', ' ', ':', '[.]')})key"
# These words make a token or a key something else.
_OTHER_TOKENS = (
    "page next continuation idempotency cancel sync cursor csrf change lock update public publickey"
    " cache sort partition object s3"
)
_NO_OTHER_THING = f"(?!{_behind(_OTHER_TOKENS, '', '_', '-')})"
_TOKEN = f"{_NO_OTHER_THING}token"
_USER = r"[^\s:\"'@/]{1,64}+"
_EQUALS = r"[\"']?[ \t]*[:=][ \t]*[\"']?"
_URL_USER = r"[^\s\"'`<>@/:]{0,128}+"

_HASH_CHARS = "[A-Za-z0-9./]"
_CRYPT = (
    rf"\$(?:2[aby]\$[0-9]{{2}}\${_HASH_CHARS}{{53,}}"
    rf"|(?:apr1|[156y])\$(?:rounds=[0-9]+\$)?{_HASH_CHARS}{{1,40}}\$(?:{_HASH_CHARS}{{1,40}}\$)?{_HASH_CHARS}{{20,}}"
    r"|argon2i?d?\$v=[0-9]+\$[a-z0-9=,]{5,40}\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,})"
)
_PBKDF2 = (
    r"(?:pbkdf2[_:]sha[0-9:]+|scrypt:[0-9:]+|scram-sha-[0-9]+)\$(?:[0-9]+[$:])?[A-Za-z0-9+/=]{6,}\$[A-Za-z0-9+/=:]{20,}"
)
_SLACK_HOOK = r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{30,}"
_DISCORD_HOOK = r"https://discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]{15,20}/[A-Za-z0-9_-]{50,}"
_TOKEN68 = rf"([A-Za-z0-9._~+/=%|-]{{12,{_VALUE_CHARS_MAX}}}+)"
_ARGUMENT = r"[\"']?([^\s\"']{1,256}+)"
_HTTP_CLIENTS = ("curl", "http ", "wget")
_LOGIN_COMMANDS = (
    "mosquitto",
    "sqlcmd",
    "unzip",
    "mysql",
    "mariadb",
    "sshpass",
    "docker login",
    "podman login",
    "twine",
    "az login",
)
_WINDOWS_SHARES = ("smbclient", "net use", "rpcclient")

RULES = (
    # headers
    Rule("bearer token", ("bearer ",), rf"bearer[ \t]+{_TOKEN68}", values.token),
    Rule(
        "authorization header",
        ("authorization",),
        rf"authorization[\"']?[ \t]*(?:[:=,]|=>)[ \t]*[\"'`]?(?:(?!bearer |basic )[a-z-]{{2,20}}[ \t]+)?{_TOKEN68}",
        values.token,
    ),
    Rule("basic authentication", ("basic ",), r"basic[ \t]+([a-z0-9+/]{6,500}+={0,2})", values.credentials),
    Rule(
        "basic authentication", ("auth",), rf"auth{_EQUALS}([a-z0-9+/]{{8,500}}+={{0,2}})(?![\w.-])", values.credentials
    ),
    # URLs and connection strings
    Rule(
        "password in a connection string",
        ("://",),
        rf"://{_URL_USER}:([^\s\"'`<>/\[\]]{{1,256}})@(?=[\w.\[-])",
        values.any_value,
    ),
    Rule("webhook URL", ("https://hooks.slack.com/",), _SLACK_HOOK, values.is_formed),
    Rule("webhook URL", ("https://discord.com/api/", "https://discordapp.com/api/"), _DISCORD_HOOK, values.is_formed),
    Rule("signature in a URL", ("sig=",), r"(?<=[?&;])sig=([a-z0-9%+/=_-]{20,200}+)", values.token),
    Rule("API key", ("?key=", "&key=", "?auth=", "&auth=", "appid="), r"[?&a-z]+=([\w%.~-]{16,200}+)", values.token),
    Rule("signature in a URL", ("amz-signature=",), r"amz-signature=([a-f0-9]{64,})", values.is_formed),
    Rule("Google refresh token", ("1//0",), r"(?<![a-z0-9])1//0[a-z0-9_-]{40,}", values.is_formed),
    # files with one user per line
    Rule(
        "password",
        (":5432:", ":5433:", ":6432:"),
        r":[0-9]+(?::[^:\s]{1,64}+){2}:([^\s:]{1,256}+)",
        values.any_value,
    ),
    Rule("password", ("passw",), rf"password{_SPACE}", values.any_value, ("machine ",)),
    Rule(
        "password hash",
        ("$2a$", "$2b$", "$2y$", "$apr1$", "$1$", "$5$", "$6$", "$y$", "$argon2"),
        _CRYPT,
        values.is_formed,
    ),
    Rule("password hash", ("pbkdf2_sha", "pbkdf2:sha", "scrypt:", "scram-sha-"), _PBKDF2, values.is_formed),
    Rule("password hash", ("{sha}", "{ssha}"), r"\{s?sha\}[a-z0-9+/]{27,}={0,2}", values.is_formed),
    # commands
    Rule(
        "password",
        (" -u", " -a ", "--user", "--auth", "su "),
        rf"(?: -u| -a|--user|--auth|su)[ =]?[\"']?{_USER}:([^\s\"'@]{{1,256}}+)",
        values.password,
        _HTTP_CLIENTS,
    ),
    Rule("password", (" -p",), rf" -p ?{_ARGUMENT}", values.password, _LOGIN_COMMANDS),
    Rule("password", (" -a ",), rf" -a {_ARGUMENT}", values.any_value, ("redis-cli",)),
    Rule("password", (" -u",), rf" -u ?[\"']?[^\s%\"']{{1,64}}+%{_ARGUMENT}", values.password, _WINDOWS_SHARES),
    Rule("password", ("/user:",), rf"/user:\S{{1,64}}+ {_ARGUMENT}", values.password, _WINDOWS_SHARES),
    Rule("password", ("htpasswd -",), rf"htpasswd -[a-z]*b[a-z]* \S{{1,200}}+ {_USER} {_ARGUMENT}", values.password),
    Rule("password", ("identified by",), rf"identified by[ \t]+{_QUOTED}", values.password),
    Rule("password", ("securestring",), rf"securestring[ \t]+(?:-string[ \t]+)?{_QUOTED}", values.password),
    Rule("password", ("passw", "passphrase"), rf"(?:password|passphrase){_SPACE}", values.password, (" --",)),
    Rule("token", ("token", "secret", "key"), rf"(?:(?<=-)(?:token|secret)|{_KEY}){_SPACE}", values.token, (" --",)),
    # two arguments: user and password
    Rule(
        "password", ("auth",), rf"auth[ \t]*=[ \t]*\([ \t]*[\"'][^\"'\n]{{1,64}}+[\"'],[ \t]*{_QUOTED}", values.password
    ),
    # names of secrets
    Rule("password", ("passw",), rf"(?:(?<=set)|(?<=set_)|(?<=with))password\({_QUOTED}[\"']\)", values.password),
    Rule("password", _PASSWORD_ANCHORS, rf"{_PASSWORD}{_ASSIGNED}", values.password),
    Rule(
        "password",
        _PASSWORD_ANCHORS,
        rf"(?:passw(?:or)?d|passphrase|pwd|psk|(?:(?<=require)|(?<=-))pass){_SPACE}",
        values.strong_password,
    ),
    Rule(
        "password",
        _FOREIGN_PASSWORDS,
        rf"(?:{'|'.join(_FOREIGN_PASSWORDS)})(?:{_ASSIGNED}|{_IS_WITHOUT_SPACE})",
        values.password,
    ),
    Rule("password", ("pw",), rf"(?<![a-z0-9])pw{_ASSIGNED}", values.password),
    Rule("password", _PASSWORD_ANCHORS, rf"{_PASSWORD}{_BELOW}", values.strong_password),
    Rule("API key", ("key",), rf"{_KEY}{_MORE}(?:{_ASSIGNED}|{_BELOW})", values.token),
    Rule("API key", ("key",), rf"{_KEY}{_MORE}{_SPACE}", values.opaque),
    Rule("key", ("key",), rf"(?<=[a-z0-9_:.-]){_NO_OTHER_THING}key{_ASSIGNED}", values.opaque),
    Rule("secret", ("secret",), rf"secret{_MORE}(?:{_ASSIGNED}|{_BELOW})", values.token),
    Rule("secret", ("secret",), rf"secret{_MORE}{_SPACE}", values.opaque),
    Rule("secret", ("salt",), rf"(?<![a-z])salt{_ASSIGNED}", values.token),
    Rule("token", ("token",), rf"{_TOKEN}{_MORE}(?:{_ASSIGNED}|{_BELOW})", values.token),
    Rule("token", ("token",), rf"{_TOKEN}{_MORE}{_SPACE}", values.opaque),
    Rule("credentials", ("credential",), rf"credentials?{_ASSIGNED}", values.token),
)

COOKIES = r"""(?:cookie["']?\]?[ \t]*(?:[:=,]|=>)[ \t]*|curl\b[^\n]{0,300}?[ ]-b[ ])["'`]?([^\n"'`]{8,8000}+)"""
COOKIE = r"(?<=[;,\s\"'`:=])([^=;\s]{1,100}+)=([^;\s,]{8,4000}+)"
SESSION_COOKIE_WORDS = ("sess", "sid", "auth", "token", "jwt", "remember", "login", "csrf", "xsrf")
