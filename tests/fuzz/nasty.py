"""Values that programs stumble over: texts, numbers and names, without those that are known to fail today."""

from __future__ import annotations

from functools import cache

from tests.fuzz import known
from tests.fuzz.known import is_known

SOMEBODY_ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
long_chars = 10_001

_TEXTS: dict[str, tuple[str, ...]] = {
    "": (
        *(
            "",
            " ",
            "\t\n",
            "a",
            "\0",
            "a\0b",
            "\x7f",
            "\x1b[31mred",
            "\ufeffmark",
            "a\u2028b\u2029c\x85d",
            "\r",
            "a\r\nb",
        ),
        *(
            "\u202egnirts\u2066",
            "\u200b\u200d\u2060",
            "e\u0301" * 50,
            "👩‍👩‍👧‍👦",
            "🇩🇪",
            "ﬀ" * 300,
            "İ",
            "ß",
            "ǅ",
            "²",
            "١٢٣",
            "½",
        ),
        *("สวัสดี", "ㄱㅏ", "한국어", "שלום", "\ufdd0\uffff", "\U000e0041", "Z̴̷͎̬̹̈́" * 20),
        *(
            "null",
            "NaN",
            "true",
            "1e400",
            "-1",
            "0x10",
            "1_000",
            "*",
            "?",
            "%",
            "_",
            "{}",
            "[]",
            '"',
            "\\",
            "'",
            "`",
            "```",
        ),
        *("%s%n{}", "{0.__class__}", "${HOME}", "$(id)", "'; DROP TABLE memories; --", "<b>&amp;</b>", "<private>x"),
        *(
            "../../x",
            "/etc/passwd",
            "/proc/self/mem",
            "C:\\x",
            "~root",
            "file:///x",
            "http://[::1",
            "a" * 201,
            "a" * 300,
        ),
        *("0001-01-01", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "2026-02-30", "2026-03-01T09:30:00"),
        *(
            "yesterday",
            "last week",
            "in March",
            "february 30",
            "999999999999 years ago",
            "12 o'clock +99:99",
            "2026-W47",
        ),
        *("x" * long_chars, "word " * 4000, "- " * 5000, "(" * 3000, "<" * 3000, "a." * 3000, "#" * 3000, "1." * 3000),
        *(SOMEBODY_ID, SOMEBODY_ID.upper(), "local", "default", "decision", "handoff"),
        *("x" * 300_000,),
    ),
    known.CONTRACTION: ("do n't", "n't", "n\u2019t", "N'T"),
    known.BLANK_LINES: ("begin" + "\n" * 24_000 + "end",),
    known.LAST_YEAR: ("9999-12-31", "in 9999", "December 9999", "9999-12", "9999-12-31T23:59:59-14:00"),
    known.END_OF_LONG_TEXTS: (),
}
_SURROGATES = ("\ud83d", "x \udc00 y", "\ud83d\ud83d", "\udfff")
_NUMBERS: dict[str, tuple[float, ...]] = {
    "": (0, -0.0, -1, 1, 2, 3.5, 50, 51, 1000, 0.1, -0.1, 1e-320, 1e300, -1e300, float("nan"), float("inf"), -(2**63)),
    known.HUGE_LIMITS: (2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 10**30),
}


@cache
def texts(*, with_surrogates: bool = True) -> tuple[str, ...]:
    """Odd texts; halves of surrogate pairs only where they are asked for."""
    plain = tuple(text for name, some in _TEXTS.items() if not is_known(name) for text in some)
    return (*plain, *_SURROGATES) if with_surrogates else plain


@cache
def numbers() -> tuple[float, ...]:
    """Odd numbers."""
    return tuple(number for name, some in _NUMBERS.items() if not is_known(name) for number in some)


@cache
def tool_texts() -> tuple[str, ...]:
    """Odd texts for the arguments of tools."""
    return texts(with_surrogates=not is_known(known.SURROGATES_IN_TOOLS))


@cache
def endpoint_texts() -> tuple[str, ...]:
    """Odd texts for the bodies of endpoints."""
    return texts(with_surrogates=not is_known(known.MALFORMED_BODIES))
