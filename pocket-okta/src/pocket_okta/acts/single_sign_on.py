"""Single sign-on and single logout of a signed-in person at an app.

The rule: an assertion is made only for a person who is active and assigned at that moment. NameID and SessionIndex of
each sign-in are stored, because a logout request has to contain them.
"""

from dataclasses import dataclass
from datetime import datetime

from pocket_okta.acts import sessions, sign_on
from pocket_okta.org import App, Assignment, Person, Status, told
from pocket_okta.saml import names, response, xml
from pocket_okta.saml.logout import LogoutAsked
from pocket_okta.saml.metadata import issuer_of
from pocket_okta.saml.request import Asked
from pocket_okta.saml.response import Subject
from pocket_okta.saml.xml import Element
from pocket_okta.sign_on import SigningKey
from pocket_okta.store import apps, assignments, log, people
from pocket_okta.store import sessions as rows
from pocket_okta.store.database import Reader, Tx
from pocket_okta.store.sessions import Session, Visit


def may_enter(db: Reader, app: App, person: Person) -> Assignment | None:
    """Return the assignment that allows a person to sign in; None if there is none."""
    row = assignments.get_assignment(db, app.id, person.id)
    return row if row and row.assigned and person.status is Status.ACTIVE else None


def enter(tx: Tx, app: App, session: Session, person: Person, row: Assignment, asked: Asked) -> Element:
    """Return the Response that signs a person in to an app. One session keeps one SessionIndex per app."""
    earlier = next((visit for visit in rows.visits(tx, session.id) if visit.app_id == app.id), None)
    visit = Visit(
        session.id,
        app.id,
        told(app.sign_on.name_id_source, person, row),
        earlier.session_index if earlier else xml.new_id(),
    )
    rows.put_visit(tx, visit)
    log.append(
        tx,
        "act",
        "user.authentication.sso",
        f"User single sign on to app: {person.name}, {app.label}",
        app_id=app.id,
        person_id=person.id,
    )
    subject = Subject(
        visit.name_id,
        _attributes(tx, app, person, row),
        visit.session_index,
        datetime.fromisoformat(session.authenticated),
    )
    key = sign_on.active_key(tx, app)
    now = datetime.fromisoformat(tx.now)
    return response.build(app.sign_on, subject, asked, issuer_of(app.external_key), key, now)


def _attributes(db: Reader, app: App, person: Person, row: Assignment) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return the attributes that have a value; Okta leaves out the others (wire facts 7.1)."""
    statements = [
        (it.name, it.name_format, tuple(told(source, person, row) for source in it.sources))
        for it in app.sign_on.statements
    ]
    groups = [group.name for group in people.groups_of(db, person.id)]
    statements += [
        (it.name, it.name_format, tuple(name for name in groups if it.keeps(name)))
        for it in app.sign_on.group_statements
    ]
    filled = (
        (name, name_format, tuple(value for value in values if value)) for name, name_format, values in statements
    )
    return tuple(attribute for attribute in filled if attribute[2])


def refuse(tx: Tx, app: App, asked: Asked) -> Element:
    """Return the Response to a passive request when nobody is signed in."""
    now = datetime.fromisoformat(tx.now)
    key = sign_on.active_key(tx, app)
    return response.refuse(app.sign_on, asked, issuer_of(app.external_key), key, now, names.RESPONDER, names.NO_PASSIVE)


@dataclass(frozen=True, slots=True)
class Farewell:
    """An app that must be told that a session ended, with the key that signs the message."""

    app: App
    key: SigningKey
    visit: Visit


def leave(tx: Tx, session_id: str, *, but: str = "") -> list[Farewell]:
    """End a session; returns the apps to tell, except `but`, the one that asked for it."""
    farewells = []
    for visit in rows.visits(tx, session_id):
        app = apps.get_app(tx, visit.app_id)
        if app and app.id != but and app.sign_on.participation.enabled:
            farewells.append(Farewell(app, sign_on.active_key(tx, app), visit))
    sessions.end(tx, session_id)
    return farewells


def leave_as_asked(tx: Tx, app: App, asked: LogoutAsked) -> tuple[tuple[str, ...], list[Farewell]]:
    """End the sessions that an app's LogoutRequest names; returns the status codes of the response, and the other apps
    to tell.

    Without a SessionIndex every session of that NameID ends. If the session has already ended, that is a success.
    """
    visits = rows.visits_of(tx, app.id, asked.name_id)
    meant = [visit for visit in visits if asked.session_index in {"", visit.session_index}]
    if visits and not meant:
        return (names.REQUESTER, names.UNKNOWN_PRINCIPAL), []
    return (names.SUCCESS,), [farewell for visit in meant for farewell in leave(tx, visit.session_id, but=app.id)]
