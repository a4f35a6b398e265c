"""Where a call takes place, as permissions see it: its session, or the project and root of its directory."""

from __future__ import annotations

from dataclasses import dataclass

from services.gateway.backends import SessionBackend
from services.gateway.directory.client_reports import Asked, Wanted
from services.gateway.directory.working_directory import Place, Workplace
from services.kit.errors import ServiceError
from services.pb import session_pb2


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A session, where one is meant; else a project and its root, both empty where nothing is known."""

    which: session_pb2.Which
    project: str = ""
    root: str = ""


async def which_at(workplace: Workplace, asked: Asked) -> session_pb2.Which:
    """The session that is active in the directory, if it is of the project that is there now."""
    if not asked.directory:
        return session_pb2.Which()
    directory, project = await workplace.where(asked)
    return session_pb2.Which(working_directory=directory, project=project)


async def whereabouts(session: SessionBackend, workplace: Workplace, asked: Asked, session_id: str = "") -> Whereabouts:
    """Of a call that names this session, or is about this directory, or neither: then the user's only session.

    Never raises for a place that is not known: rules that hold everywhere count there, too.
    """
    if session_id or not asked.directory:
        found = await _session_id(session, session_pb2.Which(session_id=session_id))
        if found or not asked.directory:
            return Whereabouts(session_pb2.Which(session_id=found))
    place = await _place(workplace, asked)
    where = _visible_place(place) if place else await _unseen(workplace, asked)
    found = await _session_id(session, where.which)
    return Whereabouts(session_pb2.Which(session_id=found)) if found else where


def _visible_place(place: Place) -> Whereabouts:
    which = session_pb2.Which(working_directory=place.directory, project=place.name)
    return Whereabouts(which, place.name, place.root)


async def _unseen(workplace: Workplace, asked: Asked) -> Whereabouts:
    """Where the gateway does not see the directory: as far as its client tells of the project."""
    seen = asked.client.sighting(asked.directory) if asked.client else None
    which = await which_at(workplace, asked)
    if seen is None or not which.project:
        return Whereabouts(which)
    return Whereabouts(which, which.project, f"{seen.directory}/{seen.inside}" if seen.inside else seen.directory)


async def _session_id(session: SessionBackend, which: session_pb2.Which) -> str:
    try:
        found: session_pb2.GetResponse = await session.call(session.stub.Get, session_pb2.GetRequest(which=which))
    except ServiceError:
        return ""
    return str(found.session.id)


async def _place(workplace: Workplace, asked: Asked) -> Place | None:
    try:
        return await workplace.find(asked)
    except (ServiceError, Wanted):
        return None
