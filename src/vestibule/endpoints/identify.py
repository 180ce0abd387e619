"""Who is calling: from the credential of a SCIM request to an Actor.

Every failure ends in the same 401, byte for byte, and takes the same work: one look-up and one comparison, whether the
tenant, the key or the secret is wrong. What was wrong is told to the tenant's administrators, never to the caller.
"""

import asyncio
import binascii
import hashlib
import re
import secrets
from typing import Final, Literal, NamedTuple

from vestibule.keys import Checker, Pair, pair_of_token, shortened, well_formed
from vestibule.model import HOUSE, TENANT_NAME, Actor
from vestibule.scim.errors import Unauthorized
from vestibule.store.credentials import Presented, find_presented
from vestibule.store.database import Database

REFUSED: Final = "The credentials were not accepted. Check the SCIM URL, the Key and the Secret."
NOBODY: Final = Actor(HOUSE, "nobody")
_LONGEST_HEADER: Final = 1024
_MOST_REMEMBERED: Final = 1000
_KEY: Final = re.compile(r"vk_[0-9A-Za-z]{8,64}\Z")

RefusalReason = Literal[
    "no credential",
    "unknown key",
    "wrong secret",
    "incomplete secret",
    "retired key",
    "expired key",
    "identity provider switched off",
    "tenant suspended",
]


class Caller(NamedTuple):
    """An identity provider whose credential was accepted."""

    actor: Actor
    presented: Presented


class RefusedCredential(Unauthorized):
    """The uniform 401, with what the log may know of it."""

    def __init__(self, reason: RefusalReason, key: str, presented: Presented | None) -> None:
        super().__init__(REFUSED)
        self.reason: RefusalReason = reason
        self.key = key
        self.presented = presented


def parse_authorization(header: bytes) -> Pair | None:
    """The Key and Secret in an Authorization header; None where it has none.

    HTTP Basic (RFC 7617), Bearer (RFC 6750), and the bare token, which is what Okta's header mode sends (wire facts
    1.13).
    """
    scheme, _, rest = header.decode("latin-1").strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            key, colon, secret = binascii.a2b_base64(rest.strip(), strict_mode=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return Pair(key, secret) if colon else None
    return pair_of_token(rest.strip() if scheme.lower() == "bearer" else scheme)


class Claim(NamedTuple):
    """What an Authorization header says: a key, empty for none, and what would be kept of its secret."""

    key: str
    is_a_key: bool
    """Whether it has the form of one: no other is looked up."""
    check: bytes
    secret_is_whole: bool


class Lookups:
    """Finds what a tenant says about a key, and remembers it for as long as nothing at all was committed.

    A retired key is refused at once all the same: retiring it is a commit. Whether there was one is asked once for all
    requests that one turn of the event loop begins, for they were all received before it was asked. What a header claims never changes, so that
    is remembered as well, right or wrong: by a keyed hash of the header, so that no secret stays in memory.
    """

    def __init__(self, database: Database, checker: Checker) -> None:
        self._database = database
        self._checker = checker
        self._mark: int | None = None
        self._asked_in_this_turn = False
        self._found: dict[tuple[str, str], tuple[Presented, str]] = {}
        self._claims: dict[bytes, Claim] = {}
        self._hash_key = secrets.token_bytes(32)

    def claim(self, authorization: list[bytes]) -> Claim:
        """What the Authorization headers of a request claim."""
        header = authorization[0] if len(authorization) == 1 and len(authorization[0]) <= _LONGEST_HEADER else b""
        name = hashlib.blake2b(header, digest_size=32, key=self._hash_key).digest()
        claim = self._claims.get(name)
        if claim is None:
            pair = parse_authorization(header) or Pair("", "")
            claim = Claim(
                pair.key, _KEY.match(pair.key) is not None, self._checker.check(pair.secret), well_formed(pair.secret)
            )
            if len(self._claims) >= _MOST_REMEMBERED:
                self._claims.clear()
            self._claims[name] = claim
        return claim

    def is_right(self, claim: Claim, presented: Presented | None) -> bool:
        """Whether it is the secret of that key. Takes the same time for a key that nobody has."""
        return self._checker.is_same(claim.check, presented.secret_check if presented else None)

    async def find(self, tenant_name: str, key: str, nobody: Actor) -> tuple[Presented | None, str]:
        """The key as that tenant has it, and what the log calls whoever presents it."""
        if not self._asked_in_this_turn:
            self._ask_for_commits()
        remembered = self._found.get((tenant_name, key))
        if remembered is not None:
            return remembered
        mark = self._mark
        async with self._database.house_read(nobody) as house:
            presented = await find_presented(house, tenant_name, key)
        if presented is None:
            return None, ""
        found = presented, f"{presented.provider_name} (key {shortened(key)})"
        if mark is not None:
            self._found[tenant_name, key] = found
        return found

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
    """The identity provider that a SCIM request comes from. `authorization` is the values of all such headers.

    Raises:
        RefusedCredential: for any reason.
    """
    claim = lookups.claim(authorization)
    known_form = claim.is_a_key and TENANT_NAME.match(tenant_name) is not None
    presented, name = await lookups.find(tenant_name if known_form else "", claim.key if known_form else "", nobody)
    reason = _reason(claim, presented, now, right=lookups.is_right(claim, presented))
    if reason is not None or presented is None:
        raise RefusedCredential(reason or "unknown key", claim.key, presented)
    actor = Actor(
        presented.tenant_id,
        "identity_provider",
        presented.credential_id,
        name,
        presented.provider_id,
        nobody.address,
        nobody.agent,
        nobody.request_id,
        nobody.received_at,
    )
    return Caller(actor, presented)


def _reason(claim: Claim, presented: Presented | None, now: int, *, right: bool) -> RefusalReason | None:
    if presented is None:
        return "unknown key" if claim.key else "no credential"
    if not right:
        return "wrong secret" if claim.secret_is_whole else "incomplete secret"
    if presented.tenant_state != "active":
        return "tenant suspended"
    if not presented.provider_enabled:
        return "identity provider switched off"
    if presented.revoked_at is not None:
        return "retired key"
    return "expired key" if presented.expires_at is not None and presented.expires_at <= now else None
