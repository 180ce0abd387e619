"""Who is calling: from the credential of a SCIM request to an Actor.

Every failure ends in the same 401, byte for byte, and takes the same work: one look-up and one comparison, whether the
tenant, the key or the secret is wrong. What was wrong is told to the tenant's administrators, never to the caller.
"""

import binascii
import re
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


def parse_authorization(headers: list[bytes]) -> Pair | None:
    """The Key and Secret in the Authorization headers of a request; None where there is not exactly one that has them.

    HTTP Basic (RFC 7617), Bearer (RFC 6750), and the bare token, which is what Okta's header mode sends (wire facts
    1.13).
    """
    if len(headers) != 1 or len(headers[0]) > _LONGEST_HEADER:
        return None
    scheme, _, rest = headers[0].decode("latin-1").strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            key, colon, secret = binascii.a2b_base64(rest.strip(), strict_mode=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return Pair(key, secret) if colon else None
    return pair_of_token(rest.strip() if scheme.lower() == "bearer" else scheme)


class Lookups:
    """Finds what a tenant says about a key, and remembers it for as long as nothing at all was committed.

    A retired key is refused at once all the same: retiring it is a commit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mark: int | None = None
        self._found: dict[tuple[str, str], Presented] = {}

    async def find(self, tenant_name: str, key: str, nobody: Actor) -> Presented | None:
        """The key as that tenant has it."""
        mark = self._database.mark()
        if mark is None or mark != self._mark or len(self._found) > _MOST_REMEMBERED:
            self._found.clear()
            self._mark = mark
        remembered = self._found.get((tenant_name, key))
        if remembered is not None:
            return remembered
        async with self._database.house_read(nobody) as house:
            presented = await find_presented(house, tenant_name, key)
        if presented is not None and mark is not None:
            self._found[tenant_name, key] = presented
        return presented


async def identify(
    lookups: Lookups, checker: Checker, now: int, tenant_name: str, authorization: list[bytes], nobody: Actor
) -> Caller:
    """The identity provider that a SCIM request comes from.

    Raises:
        RefusedCredential: for any reason.
    """
    pair = parse_authorization(authorization) or Pair("", "")
    known_form = _KEY.match(pair.key) is not None and TENANT_NAME.match(tenant_name) is not None
    presented = await lookups.find(tenant_name if known_form else "", pair.key if known_form else "", nobody)
    right = checker.matches(pair.secret, presented.secret_check if presented else None)
    reason = _reason(pair, presented, now, right=right)
    if reason is not None or presented is None:
        raise RefusedCredential(reason or "unknown key", pair.key, presented)
    name = f"{presented.provider_name} (key {shortened(pair.key)})"
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


def _reason(pair: Pair, presented: Presented | None, now: int, *, right: bool) -> RefusalReason | None:
    if presented is None:
        return "unknown key" if pair.key else "no credential"
    if not right:
        return "wrong secret" if well_formed(pair.secret) else "incomplete secret"
    if presented.tenant_state != "active":
        return "tenant suspended"
    if not presented.provider_enabled:
        return "identity provider switched off"
    if presented.revoked_at is not None:
        return "retired key"
    return "expired key" if presented.expires_at is not None and presented.expires_at <= now else None
