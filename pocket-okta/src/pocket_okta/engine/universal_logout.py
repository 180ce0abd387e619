"""Universal Logout: have an application end all sessions of a person, server to server.

The rule: a new token for every attempt, signed with the very key that signs the application's assertions, so that the
certificate which the service provider has from SAML verifies it. Source: Okta wire facts 7.6.
"""

import secrets
from datetime import datetime, timedelta

import jwt

from pocket_okta.catalogue import Scheme
from pocket_okta.engine.exchange import JSON, Call, CallFailed
from pocket_okta.org import App, Assignment, Connection, Person, told
from pocket_okta.saml.metadata import issuer_of
from pocket_okta.scim_document import Document
from pocket_okta.store import sign_on
from pocket_okta.store.database import Reader

EVENT = ("user.session.universal_logout", "Universal Logout of user from external application")
LIFETIME = timedelta(minutes=5)  # before and after


def connection(db: Reader, app: App, org_url: str) -> Connection:
    """Return where an app is told to end sessions, with a fresh token for it; raises CallFailed for a deleted app."""
    key = next((key for key in sign_on.keys_of(db, app.id) if key.active), None)
    if key is None:
        raise CallFailed("the application has no signing certificate any more.")
    now = datetime.fromisoformat(db.now)
    endpoint = app.sign_on.universal_logout.endpoint
    claims = {
        "iss": org_url,
        "sub": app.id,
        "aud": endpoint.partition("?")[0],
        "iat": now,
        "nbf": now - LIFETIME,
        "exp": now + LIFETIME,
        "jti": secrets.token_urlsafe(16),
    }
    headers = {"typ": "global-token-revocation+jwt", "kid": key.kid}
    token = jwt.encode(claims, key.private_key, "RS256", headers)
    return Connection(endpoint, Scheme.BEARER, secret=token)


def call(app: App, person: Person, row: Assignment) -> Call:
    """Return the request that names whose sessions are to end."""
    subject: Document
    if app.sign_on.universal_logout.subject_format == "EMAIL":
        subject = {"format": "email", "email": person.profile["email"]}
    else:
        subject = {
            "format": "iss_sub",
            "iss": issuer_of(app.external_key),
            "sub": told(app.sign_on.name_id_source, person, row),
        }
    return Call("POST", "", *EVENT, body={"sub_id": subject}, media=JSON)
