"""Sessions of the org: sign in, find the signed-in person, sign out, clear sessions.

The rule: the browser has 256 random bits and the store only their digest. A session is not valid while its person is
not active. There are no passwords here: anybody who can reach the org can sign in as any of its people.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from pocket_okta.acts import find
from pocket_okta.org import JobKind, Person, Status
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import assignments, log, people, queue
from pocket_okta.store import sessions as rows
from pocket_okta.store.database import Reader, Tx, instant
from pocket_okta.store.sessions import Session

LONGEST = timedelta(hours=12)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _oldest(db: Reader) -> str:
    return instant(datetime.fromisoformat(db.now) - LONGEST)


def sign_in(tx: Tx, login: str, before: Session | None = None) -> str:
    """Begin a session for the person with this login or id; returns the token for their browser.

    An earlier session of this browser continues with a new token if it was theirs, and ends if it was not.
    """
    person = people.get_person(tx, login.strip())
    if person is None or person.status is not Status.ACTIVE:
        state = "there is no such person" if person is None else f"that person is {person.status.value.lower()}"
        raise Refusal(Kind.INVALID, f"Unable to sign in as {login.strip()!r}: {state}.", "username")
    rows.remove_before(tx, _oldest(tx))
    token = secrets.token_urlsafe(32)
    session = Session(_digest(token), person.id, tx.now)
    rows.insert(tx, session)
    if before and before.person_id == person.id:
        rows.move_visits(tx, before.id, session.id)
        rows.remove(tx, before.id)
    elif before:
        end(tx, before.id)
    log.append(tx, "act", "user.session.start", f"User login to Okta: {person.name}", person_id=person.id)
    return token


def current(db: Reader, token: str) -> tuple[Session, Person] | None:
    """Return the session of a browser and its person; None if it has ended, or the person is not active."""
    session = rows.get(db, _digest(token)) if token else None
    if session is None or session.authenticated < _oldest(db):
        return None
    person = people.get_person(db, session.person_id)
    return (session, person) if person and person.status is Status.ACTIVE else None


def end(tx: Tx, session_id: str) -> None:
    """End one session; ending it twice changes nothing."""
    session = rows.get(tx, session_id)
    if session is None:
        return
    rows.remove(tx, session_id)
    person = people.get_person(tx, session.person_id)
    name = person.name if person else session.person_id
    log.append(tx, "act", "user.session.end", f"User logout from Okta: {name}", person_id=session.person_id)


def end_all(tx: Tx, person: Person) -> None:
    """End every session of a person."""
    for session in rows.of_person(tx, person.id):
        end(tx, session.id)


def clear(tx: Tx, person: Person) -> None:
    """End a person's sessions here, and at all their apps with Universal Logout (wire facts 7.6)."""
    end_all(tx, person)
    log.append(tx, "act", "user.session.clear", f"Clear user session: {person.name}", person_id=person.id)
    for assignment in assignments.of_person(tx, person.id):
        if find.app(tx, assignment.app_id).sign_on.universal_logout.enabled:
            queue.order(tx, assignment.app_id, person.id, JobKind.UNIVERSAL_LOGOUT)
