"""JSON as the package `json` reads and writes it, by the same C code. That package also imports `re`, which takes as
long as Python's own start."""

from __future__ import annotations

MYPY = False
if MYPY:
    from typing import Any


class _Meant:
    """What is made of numbers and objects: the same as by `json.loads`."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


def loads(given: str | bytes) -> Any:
    """What the text says; bytes are UTF-8. ValueError or RecursionError where it is not JSON."""
    text = (given if isinstance(given, str) else given.decode("utf-8", "surrogatepass")).strip(" \t\n\r")
    try:
        from _json import make_scanner

        scan = make_scanner(_Meant)  # type: ignore[arg-type]  # it asks for these attributes alone
    except (ImportError, TypeError, AttributeError):  # another Python than CPython, or a later one
        import json

        return json.loads(text)
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError("no JSON") from None
    if end != len(text):
        raise ValueError("something follows the JSON")
    return value


def dumps(value: object, *, sort_keys: bool = False) -> str:
    """The value as JSON, in ASCII."""
    try:
        from _json import encode_basestring_ascii, make_encoder

        write = make_encoder({}, _refuse, encode_basestring_ascii, None, ": ", ", ", sort_keys, False, True)
    except (ImportError, TypeError):  # another Python than CPython, or a later one that makes it otherwise
        import json

        return json.dumps(value, sort_keys=sort_keys)
    return "".join(write(value, 0))


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is not JSON")
