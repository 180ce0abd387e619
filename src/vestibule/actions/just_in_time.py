"""Creates people at their first sign-in, if that is switched on (just-in-time provisioning).

Rule of this file: a sign-in never brings anybody back and never takes an account over. No person is created with a
userName that another person of this identity provider has or ever had, also if that person was deleted.
"""

from typing import Final

from vestibule.actions.deriving import deriving_of
from vestibule.actions.new_person import describe, make_person
from vestibule.errors import SignInRefused
from vestibule.events import changes_between
from vestibule.model import IdentityProvider, SamlSettings, User
from vestibule.saml.response import Assertion
from vestibule.saml.times import write_instant
from vestibule.scim.errors import ScimError
from vestibule.scim.filter import Document
from vestibule.scim.resource import clean
from vestibule.scim.schema import USER_TYPE
from vestibule.scim.text import fold
from vestibule.store.database import Tx, UniqueViolation
from vestibule.store.former_names import departed_at, find_former_holder
from vestibule.store.users import find_adoptable_name

ENDED: Final = "Your access here has ended. If that is not right, ask your administrator."
_NOT_PROVISIONED: Final = "You do not have access here yet. Ask your administrator to assign you in {name}."
_LONGEST_FIELD: Final = 1000
_CLAIM_OF_THE_NAME: Final = "name"
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "givenName": ("givenname", "firstname", "given_name", "urn:oid:2.5.4.42"),
    "familyName": ("surname", "lastname", "sn", "family_name", "urn:oid:2.5.4.4"),
    "displayName": ("displayname", "urn:oid:2.16.840.1.113730.3.1.241", _CLAIM_OF_THE_NAME),
    "email": ("email", "mail", "emailaddress", "urn:oid:0.9.2342.19200300.100.1.3"),
    "mobile": ("mobile", "mobilephone", "urn:oid:0.9.2342.19200300.100.1.41"),
}
"""The names that identity providers use for each attribute, the most specific one first.

The first name in this list that an assertion has is used, whatever order its attributes are in."""
_PLAIN: Final[dict[str, tuple[str, str]]] = {
    attribute.name.lower(): ("" if schema is USER_TYPE.core else schema.id, attribute.name)
    for schema in (USER_TYPE.core, *USER_TYPE.extensions)
    for attribute in schema.attributes
    if attribute.type == "string"
    and not attribute.multi_valued
    and attribute.mutability == "readWrite"
    and attribute.name not in {"userName", "displayName"}
}
"""All other attributes with a single text value, by lower-case name: the URN of an extension's schema (empty for the
core schema) and the name."""


def document_of(assertion: Assertion, settings: SamlSettings) -> Document:
    """Returns an assertion as a SCIM document, from which the mapping then derives the Profile.

    Attributes are recognised by their usual names, by their SCIM names, or by the last part of a claim's URI. Their
    order does not matter.
    """
    told = {part: value for part, names in _NAMES.items() if (value := _best(assertion, names))}
    plain: Document = {}
    # A plain name is preferred to a URI that ends with it.
    for name in sorted(assertion.attributes, key=lambda name: ("/" in name or ":" in name, name)):
        values = assertion.attributes[name]
        place = _PLAIN.get(name.lower().rpartition("/")[2].rpartition(":")[2])
        if values and place is not None:
            schema, known_as = place
            (plain.setdefault(schema, {}) if schema else plain).setdefault(known_as, values[0][:_LONGEST_FIELD])
    by_name = settings.name_id_is == "userName"
    email = told.get("email", assertion.name_id if by_name and "@" in assertion.name_id else "")
    mobile = told.get("mobile", "")
    return plain | {
        "userName": assertion.name_id if by_name else email or assertion.name_id,
        "externalId": "" if by_name else assertion.name_id,
        "name": {"givenName": told.get("givenName", ""), "familyName": told.get("familyName", "")},
        "displayName": told.get("displayName", ""),
        "emails": [{"value": email, "type": "work", "primary": True}] if email else [],
        "phoneNumbers": [{"value": mobile, "type": "mobile"}] if mobile else [],
        "active": True,
    }


def _best(assertion: Assertion, names: tuple[str, ...]) -> str:
    """Returns the value of the attribute whose name comes first in `names`; empty if there is none."""
    ranked: list[tuple[int, bool, str, str]] = []
    for attribute, values in assertion.attributes.items():
        whole = attribute.lower()
        known_as = whole if whole in names else whole.rpartition("/")[2]
        if not values or known_as not in names:
            continue
        # By default Entra's claim `name` is the userName, which is not a display name.
        if known_as == _CLAIM_OF_THE_NAME and ("@" in values[0] or fold(values[0]) == fold(assertion.name_id)):
            continue
        ranked.append((names.index(known_as), known_as != whole, attribute, values[0][:_LONGEST_FIELD]))
    return min(ranked)[3] if ranked else ""


async def create_just_in_time(tx: Tx, provider: IdentityProvider, assertion: Assertion) -> User:
    """Create the person in an assertion, and return it.

    Raises:
        SignInRefused: just-in-time provisioning is switched off, or another person has or had the userName.
    """
    if not provider.saml.just_in_time:
        raise SignInRefused(
            "Person",
            f"a person whom {provider.name} has provisioned",
            f"the NameID '{assertion.name_id[:200]}', which is nobody's {provider.saml.name_id_is}",
            reason=f"nobody from {provider.name} has the {provider.saml.name_id_is} '{assertion.name_id[:200]}'",
            message=_NOT_PROVISIONED.format(name=provider.name),
        )
    try:
        document, _ = clean(document_of(assertion, provider.saml), USER_TYPE)
    except ScimError as error:
        raise SignInRefused(
            "Person",
            "a NameID that can be a userName",
            f"'{assertion.name_id[:200]}'",
            reason=f"the NameID cannot be a userName: {error.detail}",
        ) from None
    await _refuse_known_name(tx, provider, document["userName"])
    deriving = await deriving_of(tx, provider.id, provider.mapping_version)
    changes = changes_between({}, document)
    try:
        return await make_person(
            tx,
            provider.id,
            describe(document),
            deriving.derive(document, "[]", ()),
            lambda user: {
                "user_name": document["userName"],
                "version": user.version,
                "changes": changes,
                "by": "sign-in",
            },
        )
    except UniqueViolation:
        raise _name_taken(document["userName"]) from None


async def _refuse_known_name(tx: Tx, provider: IdentityProvider, user_name: str) -> None:
    """Check that no person of this identity provider had this userName, and nobody whom it may adopt has it.

    Raises:
        SignInRefused: somebody had or has it.
    """
    if departed := await departed_at(tx, provider.id, user_name):
        raise SignInRefused(
            "Person",
            "a person who was not deleted here",
            f"'{user_name[:200]}', who was deleted at {write_instant(departed)}",
            reason=f"'{user_name[:200]}' was deleted at {write_instant(departed)}; {provider.name} has to provision "
            "this person again",
            message=ENDED,
        )
    if former := await find_former_holder(tx, provider.id, user_name):
        user_id, changed_at = former
        raise SignInRefused(
            "Person",
            "a userName that nobody else had before",
            f"'{user_name[:200]}', the userName of another person until {write_instant(changed_at)}",
            reason=f"'{user_name[:200]}' was the userName of another person until {write_instant(changed_at)}",
            message=ENDED,
            user_id=user_id,
        )
    if provider.adopts and await find_adoptable_name(tx, fold(user_name)) is not None:
        raise _name_taken(user_name)


def _name_taken(user_name: str) -> SignInRefused:
    return SignInRefused(
        "Person",
        "a userName that nobody has yet",
        f"'{user_name[:200]}', which another person has",
        reason=f"another person has the userName '{user_name[:200]}'",
    )
