"""What a form brought: its fields as text, checked to come from a page that this very browser was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.datastructures import FormData
from starlette.requests import Request

from services.gateway.access.browser_sessions import is_form_token
from services.gateway.page.policy import is_own_form
from services.kit.errors import Denied, InvalidInput

TOKEN = "form"  # noqa: S105  # the name of a field
fields_max = 400
_stale = ("This form is not one of a page that you are shown now.", "Open the page again, and repeat the change there.")


class Fields:
    """The fields of one form."""

    def __init__(self, form: FormData) -> None:
        self._form = form

    def text(self, name: str) -> str:
        """The field's text; lines end as they do everywhere else. Empty where there is none."""
        values = self.texts(name)
        return values[-1] if values else ""

    def texts(self, name: str) -> list[str]:
        """Every field of that name."""
        return [_unix(each) for each in self._form.getlist(name) if isinstance(each, str)]

    def has(self, name: str) -> bool:
        """Whether the form has the field: a box that is ticked."""
        return name in self._form

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """The one of these that was chosen."""
        chosen = self.text(name)
        if chosen not in choices:
            raise InvalidInput(f"{name} is one of {', '.join(choices)}.")
        return chosen


async def read_form(request: Request, cookie: str, public_url: str = "") -> Fields:
    """The form of a POST. Denied if it does not come from one of this browser's own pages."""
    if not is_own_form(request, public_url):
        raise Denied("This form came from another page than Segue's.", _stale[1])
    try:
        form = await request.form(max_files=0, max_fields=fields_max)
    except Exception as error:  # Starlette's parsers have no class of their own for what they refuse
        raise InvalidInput("This is no form.", _stale[1]) from error
    fields = Fields(form)
    if not is_form_token(fields.text(TOKEN), cookie, request.scope["path"]):
        raise Denied(*_stale)
    return fields


def query_texts(params: Mapping[str, str], *names: str) -> dict[str, str]:
    """These parts of an address's query, without space around them."""
    return {name: params.get(name, "").strip() for name in names}


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").encode("utf-8", "replace").decode()
