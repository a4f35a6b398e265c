"""A browser without JavaScript, of the standard library: keeps cookies, follows redirects, finds and sends forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from tests.integration.team import Answer
from tests.patience import PATIENCE_S

VOID = frozenset({"input", "meta", "link", "br", "img", "circle", "path", "line", "rect"})


@dataclass
class Form:
    """A form of a page, with what its fields have."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, value and words of each."""


class Page(HTMLParser):
    """What a page says: its words, links and forms; and every element with its attributes."""

    def __init__(self, answer: Answer, address: str) -> None:
        super().__init__()
        self.status, self.headers, self.address = answer.status, answer.headers, address
        self.html = answer.body.decode()
        self.words = ""
        self.links: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._within: list[str] = []
        self._link: str | None = None
        self._button: tuple[str, str] | None = None
        self._select = ""
        self._textarea: str | None = None
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.elements.append((tag, named))
        if tag not in VOID:
            self._within.append(tag)
        if tag == "a" and "href" in named:
            self.links.append((named["href"], ""))
        if tag == "form":
            self.forms.append(Form(named.get("action", ""), named.get("method", "get")))
        self._field(tag, named)

    def _field(self, tag: str, named: dict[str, str]) -> None:
        if not self.forms or "form" not in self._within:
            return
        form = self.forms[-1]
        is_box = named.get("type") in {"checkbox", "radio"}
        if tag == "input" and named.get("name") and (not is_box or "checked" in named):
            form.fields.append((named["name"], named.get("value", "")))
        elif tag == "textarea":
            form.fields.append((named["name"], ""))
            self._textarea = ""
        elif tag == "button":
            form.buttons.append((named.get("name", ""), named.get("value", ""), ""))
        elif tag == "select":
            self._select = named["name"]
        elif tag == "option" and self._select and "selected" in named and "value" in named:
            form.fields.append((self._select, named["value"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._textarea is not None:
            name = self.forms[-1].fields[-1][0]
            self.forms[-1].fields[-1] = (name, self._textarea.removeprefix("\n"))
            self._textarea = None
        if tag == "select":
            self._select = ""
        if tag in self._within:
            while self._within.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._textarea += data
        if not {"script", "style"} & set(self._within):
            self.words += data
        if "a" in self._within and self.links:
            self.links[-1] = (self.links[-1][0], self.links[-1][1] + data)
        if "button" in self._within and self.forms and self.forms[-1].buttons:
            name, value, words = self.forms[-1].buttons[-1]
            self.forms[-1].buttons[-1] = (name, value, words + data)

    def form(self, action: str, button: str = "") -> Form:
        """The form that goes to an address, and has a button with these words."""
        fitting = [
            each
            for each in self.forms
            if urlsplit(each.action).path == action
            and (not button or button in [words for _, _, words in each.buttons])
        ]
        assert fitting, f"no form to {action} with {button}: {[each.action for each in self.forms]}"
        return fitting[0]


class HttpBrowser:
    """Of one person."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.origin = url.removesuffix("/mcp")
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    def open(self, address: str, *, follow: bool = True, **headers: str) -> Page:
        """The page at an address, after redirects."""
        return self._send("GET", address, None, headers, follow=follow)

    def post(self, address: str, fields: Any, *, follow: bool = True, **headers: str) -> Page:
        """Sends fields as a form does."""
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin, **_names(headers)}
        return self._send("POST", address, body, sent, follow=follow)

    def press(self, page: Page, action: str, button: str, more: Mapping[str, Any] | None = None) -> Page:
        """Fills a form of the page, presses its button, and goes where that leads; a field that is None is left out."""
        form = page.form(action, button)
        pressed = next((name, value) for name, value, words in form.buttons if words == button)
        given = dict(more or {})
        fields = [(name, value) for name, value in form.fields if name not in given]
        for name, value in given.items():
            fields += [(name, each) for each in (value if isinstance(value, list) else [value]) if each is not None]
        return self.post(form.action, [*fields, *([pressed] if pressed[0] else [])])

    def sign_in(self, token: str) -> Page:
        """As a person with a token does."""
        page = self.open("/page/sign-in")
        return self.press(page, "/page/sign-in", "Sign in", {"token": token})

    def enter(self, path: str) -> Page:
        """By the link that works once."""
        return self.open(path)

    def _send(self, method: str, address: str, body: bytes | None, headers: Mapping[str, str], *, follow: bool) -> Page:
        parts = urlsplit(address)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = _names(headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE_S)
        connection.request(method, target, body, sent)
        response = connection.getresponse()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
        self.set_cookies = response.headers.get_all("set-cookie") or []
        connection.close()
        self._keep()
        if follow and answer.status == 303:
            return self._send("GET", urljoin(address, answer.headers["location"]), None, {}, follow=True)
        return Page(answer, address)

    def _keep(self) -> None:
        for line in self.set_cookies:
            for name, cookie in SimpleCookie(line).items():
                if cookie["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = cookie.coded_value


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
