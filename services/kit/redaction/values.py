"""Decides whether a value looks like a secret: random or chosen by a person, and neither placeholder nor code."""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache

PASSWORD_CHARS_MAX = 256
RANDOM_CHARS_MIN = 12
_SEGMENT_CHARS_MIN = 10
_HEX_CHARS_MIN = 20  # a shorter one is an abbreviated digest or an identifier

# Words in placeholders, in well-known defaults, and in names. A value made of these alone is not a secret.
_STAND_INS = (
    "a abc access admin an api apikey app auth aws bar basic baz bearer bot change changeit changeme client"
    " code credential credentials creds db default deleted demo dev digest dummy edit enter env example fake"
    " false file filtered foo generated github google guest hash here hidden id insert it key keys login"
    " master me mock my mypassword mysecret mysql mytoken name new nil no none not null of old omitted openai"
    " or pass passphrase passwd password passwords placeholder postgres private prod provide pw pwd real"
    " redacted redis removed replace required root sample secret secrets set some str string super supersecret"
    " test testing tests the this todo token tokens true undefined unset user username value values with x xx"
    " xxx y you your yourpassword yoursecret yourtoken z"
)
_STAND_IN_WORDS = frozenset(_STAND_INS.split())
_STAND_IN_DIGITS = frozenset({"", "0", "1", "2", "3", "12", "123", "1234", "12345", "123456", "1234567", "12345678"})
_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4,12}){4}"
_STAND_IN_MARKS = ("[redacted", "xxxx", "***", "example", "placeholder", "changeme")
_ELLIPSES = ("...", "…")
_TYPE_NAME = (
    r"_*(?i:u?int|float|base|sha|utf|md|oauth|argon|pbkdf|bcrypt|ed|x(?=[0-9]{3})|pkcs|http|str|string|varchar)"
    r"[0-9]{1,5}(?:$|_|[A-Z][a-z])"
)

# `${NAME}`, `$(command)`, `{{ name }}`, `{name}`, `<your token>`, `%(name)s`, `$NAME`, `[list]`, what a shell puts in
# place of a variable that is set, `${NAME:+is-set}`, and what a build replaces: `$next-version$`, `@version@`
_TEMPLATE = (
    r"\$\{|\$\(|\{\{|#\{|\{[A-Za-z_][\w.()\[\]!:]*\}|<[A-Za-z][\w .-]*>|%\([A-Za-z]|^%[sd]|%[sd]$|^%\w+%$"
    r"|^\$[A-Za-z_]\w*$|^\$[A-Za-z][\w.-]*\$$|^@[A-Za-z][\w.-]*@$|^\[.*\][\w*+\\]*$|^[+?][A-Za-z_-]+$"
)
_NAMED_DIGEST = r"sha(?:1|256|384|512)[-:]"
_PATH_OR_URL = r"(?:\.{0,2}|~)/[\w.]+(?:/|$)|[A-Za-z]:\\|\w[\w+.-]*://|[:@%][A-Za-z_]\w*$"
_DOTTED_NAME = r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+"
_EXPRESSION = r"[\w.$?>:-]*[(\[{]|[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)+$"


@cache
def lazy_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern, compiled when it is first needed: importing stays cheap."""
    return re.compile(pattern, flags)


def any_value(value: str, bare: bool) -> bool:
    """Any literal value except a placeholder: for places that only hold secrets."""
    return len(value) >= 3 and not (is_placeholder(value) or is_reference(value, bare))


def is_formed(value: str, bare: bool) -> bool:  # noqa: ARG001 - every rule calls its judge alike
    """Accepts everything: the pattern alone is specific enough."""
    return not is_placeholder(value)


def token(value: str, bare: bool) -> bool:
    """A machine-generated value: at least `RANDOM_CHARS_MIN` random characters."""
    if is_placeholder(value):
        return False
    if is_reference(value, bare) and not _is_salt(value):
        return False
    return (
        is_random(value) or _is_salt(value) or (_has_sign(value) and value[0] != "#" and strong_password(value, bare))
    )


def opaque(value: str, bare: bool) -> bool:
    """A random value that is not a plain digest or UUID: for places that often hold those."""
    if is_placeholder(value) or is_reference(value, bare) or not is_random(value):
        return False
    return not lazy_pattern(f"[0-9a-fA-F]+|{_UUID}").fullmatch(value)


def password(value: str, bare: bool) -> bool:
    """A value chosen as a password by a person or a machine; words alone may be a label, so they do not count."""
    if not 5 <= len(value) <= PASSWORD_CHARS_MAX or any(map(str.isspace, value)):
        return False
    if is_placeholder(value) or is_reference(value, bare):
        return False
    letters, digits = lazy_pattern("[A-Za-z]").search(value), lazy_pattern("[0-9]").search(value)
    if letters and digits:
        return not _is_name(value, bare)
    if digits:
        return not bare and len(value) >= 6 and value.isdigit()
    return bool(letters) and (is_random(value) or (len(value) >= 6 and _has_sign(value)))


def strong_password(value: str, bare: bool) -> bool:
    """A password after a mere space: needs a symbol, or upper case, lower case and digits."""
    mixed = all(lazy_pattern(kind).search(value) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return len(value) >= 8 and (mixed or _has_sign(value)) and password(value, bare)


def credentials(value: str, bare: bool) -> bool:  # noqa: ARG001 - as above
    """The base64 of `user:password`, as basic authentication sends it."""
    try:
        plain = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    user, colon, rest = plain.partition(":")
    return bool(colon) and plain.isprintable() and bool(user or rest) and not is_placeholder(rest)


def is_placeholder(value: str) -> bool:
    """A placeholder instead of a secret: `changeme`, `your-token-here`, `xxxx`, `<token>`, `***`, `[redacted: …]`."""
    folded = lazy_pattern("%[0-9a-f]{2}").sub(" ", value.lower())
    if len(set(folded)) <= 3 or any(mark in folded for mark in _STAND_IN_MARKS):
        return True
    if value.startswith(_ELLIPSES) or value.endswith(_ELLIPSES):
        return True
    words = lazy_pattern("[a-z]+").findall(folded)
    digits = "".join(lazy_pattern("[0-9]+").findall(folded))
    return digits in _STAND_IN_DIGITS and all(word in _STAND_IN_WORDS for word in words)


def is_reference(value: str, bare: bool) -> bool:
    """A reference to a value, not the value: a variable, a call, a template, a path, a URL, a digest's name."""
    if lazy_pattern(_TEMPLATE).search(value) or lazy_pattern(_NAMED_DIGEST).match(value):
        return True
    if lazy_pattern(_PATH_OR_URL).match(value) and not lazy_pattern("[A-Za-z0-9+/]{40,}={0,2}").fullmatch(value):
        return True
    if lazy_pattern(_DOTTED_NAME).fullmatch(value) and not is_random(value):
        return True
    return bare and bool(lazy_pattern(_EXPRESSION).match(value) or lazy_pattern(_TYPE_NAME).match(value))


def _is_name(value: str, bare: bool) -> bool:
    """Letters and digits that look like a name: `password2`, `Argon2Hasher`, `db-credentials-v2`."""
    numbers = lazy_pattern("[0-9]+").findall(value)
    if not lazy_pattern(r"[\w.-]+").fullmatch(value):
        return False
    if value.lower() != value or len(numbers) > 1 or len(numbers[0]) > 2:
        return False
    return bool(lazy_pattern("[-_.]").search(value) or (bare and len(value) < 7)) and not is_random(value)


def _has_sign(value: str) -> bool:
    return bool(lazy_pattern(r"[!@#$%^&*+~?]").search(value))


def _is_salt(value: str) -> bool:
    """Printable characters of every kind, including spaces, as salt generators produce them."""
    if len(value) < 40 or len(set(value)) < 22 or _chars_in_words(value) > 0.3 * len(value):
        return False
    return all(len(lazy_pattern(kind).findall(value)) >= 3 for kind in ("[a-z]", "[0-9]", r"[^\w./:,\s-]"))


def _chars_in_words(value: str) -> int:
    return sum(map(len, lazy_pattern("[A-Z]?[a-z]{4,}").findall(value)))


def is_random(value: str) -> bool:
    """Whether a part between separators is random: character classes change often and it contains no words."""
    if len(value) < RANDOM_CHARS_MIN or any(map(str.isspace, value)):
        return False
    if lazy_pattern(_UUID).fullmatch(value):
        return True
    return any(_is_random_segment(part) for part in lazy_pattern(r"[^A-Za-z0-9]+").split(value))


def _is_random_segment(part: str) -> bool:
    if len(part) < _SEGMENT_CHARS_MIN or len(set(part)) < 6:
        return False
    if len(part) < _HEX_CHARS_MIN and lazy_pattern("[0-9a-f]+").fullmatch(part):
        return False
    runs = lazy_pattern("[a-z]+|[A-Z]+|[0-9]+").findall(part)
    changes = (len(runs) - 1) / (len(part) - 1)
    return changes >= _changes_min(part) and _chars_in_words(part) <= 0.6 * len(part)


def _changes_min(part: str) -> float:
    """The least changes of class per character; alphabets with few digits or few letters change less."""
    if lazy_pattern("[A-Z0-9]{20,}|[0-9a-f]{32,}").fullmatch(part):
        return 0.08
    return 0.2 if lazy_pattern("[0-9]").search(part) else 0.5
