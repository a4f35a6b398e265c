"""An allow of addresses stays with the host that it names."""

from __future__ import annotations

import pytest

from tests.unit.session.book import Book


@pytest.mark.parametrize(
    ("pattern", "target", "expected"),
    [
        ("https://docs.python.org/*", "https://docs.python.org/3/", "allow"),
        ("https://docs.python.org*", "https://docs.python.org/3/", "allow"),
        ("https://*.python.org/*", "https://docs.python.org/3/", "allow"),
        ("domain:docs.python.org", "https://docs.python.org/3/", "allow"),
        ("*", "https://example.org/", "allow"),
        ("https://docs.python.org/*", "https://docs.python.org.evil.example/3/", "ask"),
        ("https://docs.python.org*", "https://docs.python.org.evil.example/3/", "ask"),
        ("https://docs.python.org*", "https://docs.python.org@evil.example/3/", "ask"),
        ("https://docs.python.org*", "https://docs.python.org:8443/3/", "ask"),
        ("https://*.python.org/*", "https://x@evil.example/.python.org/3/", "ask"),
        ("https://*.python.org/*", "https://evil.example/.python.org/3/", "ask"),
        ("domain:docs.python.org", "https://docs.python.org.evil.example/3/", "ask"),
        ("domain:docs.python.org", "https://evil.example/docs.python.org", "ask"),
    ],
)
def test_an_allow_reaches_into_no_other_host(pattern: str, target: str, expected: str) -> None:
    rules = Book()
    rules.allow("WebFetch", pattern)
    assert rules.verdict("WebFetch", target) == expected
