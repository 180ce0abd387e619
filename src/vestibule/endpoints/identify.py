"""Authenticates SCIM requests: from the Authorization header to an Actor.

Every failure gives exactly the same 401 and takes the same work, one look-up and one comparison, whether the tenant,
the key or the secret is wrong. Only the tenant's administrators see the reason, never the caller.
"""

import asyncio
import binascii
import hashlib
import secrets
from typing import Final, Literal, NamedTuple

from vestibule.keys import Checker, Pair, has_form_of_key, pair_of_token, shortened, shortened_guess, well_formed
from vestibule.model import HOUSE, TENANT_NAME, Actor
from vestibule.scim.errors import Unauthorized
from vestibule.store.credentials import Presented, find_presented
from vestibule.store.database import Database

REFUSED: Final = "The credentials were not accepted. Check the SCIM URL, the Key and the Secret."
NOBODY: Final = Actor(HOUSE, "nobody")
LONGEST_AUTHORIZATION: Final = 1024
_MOST_REMEMBERED: Final = 1000

RefusalReason = Literal[
    "no credential",
    "unknown key",
    "wrong secret",
    "incomplete secret",
    "retired key",
    "expired key",
    "identity provider switched off",
    "tenant suspended",
    "swapped key and secret",
    "secret alone",
    "wrong address",
]
Mistake = Literal["", "swapped key and secret", "secret alone"]
"""What is obviously wrong with a header, independent of the tenant."""


class Caller(NamedTuple):
    """An identity provider whose credential was accepted."""

    actor: Actor
    presented: Presented


class RefusedCredential(Unauthorized):
    """The uniform 401, with the reason for the log."""

    def __init__(self, reason: RefusalReason, claim: "Claim", presented: Presented | None) -> None:
        super().__init__(REFUSED)
        self.reason: RefusalReason = reason
        self.claim = claim
        self.presented = presented


def parse_authorization(header: bytes) -> Pair | None:
    """Returns the Key and Secret in an Authorization header, or None.

    Accepts HTTP Basic (RFC 7617), Bearer (RFC 6750), and the token alone, which Okta's header mode sends.
    """
    scheme, _, rest = header.decode("latin-1").strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            key, colon, secret = binascii.a2b_base64(rest.strip(), strict_mode=True).decode().partition(":")
        except ValueError:  # not ASCII, not Base64 (binascii.Error), not UTF-8 (UnicodeDecodeError)
            return None
        return Pair(key, secret) if colon else None
    return pair_of_token(rest.strip() if scheme.lower() == "bearer" else scheme)


class Claim(NamedTuple):
    """The contents of an Authorization header: a key (empty for none) and the HMAC of the secret."""

    key: str
    """Shortened if it is not formed like a key, because then it may be anything, even a secret."""
    is_a_key: bool
    """Whether it is formed like a key and in the right place. Only such a key is looked up."""
    check: bytes
    secret_is_whole: bool
    mistake: Mistake = ""


def claim_of(header: bytes, checker: Checker) -> Claim:
    """Returns the contents of a header without any secret, even if one was sent as the key."""
    pair = parse_authorization(header)
    if pair is None:
        text = _credentials_part(header)
        if has_form_of_key(text):
            return Claim(text, True, checker.check(""), False)
        if well_formed(text):
            return Claim("", False, checker.check(text), True, "secret alone")
        return Claim("", False, checker.check(""), False)
    key, secret = pair
    if has_form_of_key(key):
        return Claim(key, True, checker.check(secret), well_formed(secret))
    if has_form_of_key(secret):
        return Claim(secret, False, checker.check(key), well_formed(key), "swapped key and secret")
    return Claim(shortened_guess(key) if key else "", False, checker.check(secret), well_formed(secret))


def _credentials_part(header: bytes) -> str:
    """Returns the part of a header after the scheme, or all of it if there is no scheme."""
    return header.decode("latin-1").strip().rpartition(" ")[2]


class Found(NamedTuple):
    """The result of looking up a header in a tenant: the credential, if any, and whether the secret is right."""

    claim: Claim
    presented: Presented | None
    is_right: bool
    name: str
    """How the activity log names the sender."""


class Lookups:
    """Looks up Authorization headers, with two caches.

    The result of a look-up is cached until anything is committed to the database, so a retired key is refused at once.
    Whether there was a commit is checked once in a turn of the event loop, because all of its requests were received
    before the check. The parsed contents of a header never change and are cached longer. The cache key is a keyed hash
    of the header, so that no secret stays in memory.
    """

    def __init__(self, database: Database, checker: Checker) -> None:
        self._database = database
        self._checker = checker
        self._mark: int | None = None
        self._asked_in_this_turn = False
        self._found: dict[tuple[str, bytes], Found] = {}
        self._claims: dict[bytes, Claim] = {}
        self._hash_key = secrets.token_bytes(32)

    async def find(self, tenant_name: str, authorization: list[bytes], nobody: Actor) -> Found:
        """Look up the Authorization headers of a request in a tenant.

        A wrong secret, an unknown key and an unknown tenant take the same work.
        """
        if not self._asked_in_this_turn:
            self._ask_for_commits()
        header = authorization[0] if len(authorization) == 1 and len(authorization[0]) <= LONGEST_AUTHORIZATION else b""
        name = tenant_name if TENANT_NAME.match(tenant_name) else ""
        digest = hashlib.blake2b(header, digest_size=32, key=self._hash_key).digest()
        found = self._found.get((name, digest))
        if found is None:
            mark = self._mark
            found = await self._look_up(name, self._claim(header, digest), nobody)
            if mark is not None and mark == self._mark:
                self._found[name, digest] = found
        return found

    async def _look_up(self, tenant_name: str, claim: Claim, nobody: Actor) -> Found:
        async with self._database.read_all_tenants(nobody) as all_tenants:
            presented = await find_presented(all_tenants, tenant_name, claim.key if claim.is_a_key else "")
        right = self._checker.is_same(claim.check, presented.secret_check if presented else None)
        name = f"{presented.provider_name} (key {shortened(claim.key)})" if presented else ""
        return Found(claim, presented, right, name)

    def _claim(self, header: bytes, digest: bytes) -> Claim:
        claim = self._claims.get(digest)
        if claim is None:
            claim = claim_of(header, self._checker)
            if len(self._claims) >= _MOST_REMEMBERED:
                self._claims.clear()
            self._claims[digest] = claim
        return claim

    def _ask_for_commits(self) -> None:
        mark = self._database.mark()
        if mark is None or mark != self._mark or len(self._found) > _MOST_REMEMBERED:
            self._found.clear()
            self._mark = mark
        if mark is not None:
            self._asked_in_this_turn = True
            asyncio.get_running_loop().call_soon(self._turn_is_over)

    def _turn_is_over(self) -> None:
        self._asked_in_this_turn = False


async def identify(lookups: Lookups, now: int, tenant_name: str, authorization: list[bytes], nobody: Actor) -> Caller:
    """Returns the identity provider that sent a SCIM request. `authorization` has the values of all such headers.

    Raises:
        RefusedCredential: the credential is not valid, for any reason.
    """
    found = await lookups.find(tenant_name, authorization, nobody)
    presented, reason = found.presented, _reason(found, now)
    if reason is not None or presented is None:
        raise RefusedCredential(reason or "unknown key", found.claim, presented)
    actor = Actor(
        presented.tenant_id,
        "identity_provider",
        presented.credential_id,
        found.name,
        presented.provider_id,
        nobody.address,
        nobody.agent,
        nobody.request_id,
        nobody.received_at,
    )
    return Caller(actor, presented)


def _reason(found: Found, now: int) -> RefusalReason | None:
    claim, presented, is_right, _ = found
    if presented is None:
        return "unknown key" if claim.key else "no credential"
    if not is_right:
        return "wrong secret" if claim.secret_is_whole else "incomplete secret"
    if presented.tenant_state != "active":
        return "tenant suspended"
    if not presented.provider_enabled:
        return "identity provider switched off"
    if presented.revoked_at is not None:
        return "retired key"
    return "expired key" if presented.expires_at is not None and presented.expires_at <= now else None
