"""Making people at their first sign-in, where that is switched on (just-in-time creation).

The rule of this file: nobody is brought back and nobody is taken over. A userName that somebody of this identity
provider has, had before they were renamed, or had when they were deleted makes nobody new.
"""

from typing import Final

from vestibule.actions.new_person import describe, make_person
from vestibule.actions.provision import derivation_of
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
"""How identity providers call what is asked for, the most telling name first: its rank decides, not the order in which
the attributes come."""
_PLAIN: Final[dict[str, tuple[str, str]]] = {
    attribute.name.lower(): ("" if schema is USER_TYPE.core else schema.id, attribute.name)
    for schema in (USER_TYPE.core, *USER_TYPE.extensions)
    for attribute in schema.attributes
    if attribute.type == "string"
    and not attribute.multi_valued
    and attribute.mutability == "readWrite"
    and attribute.name not in {"userName", "displayName"}
}
"""Every other attribute of a person that is one text, by its name in small letters: the schema of an extension, or
nothing, and its name."""


def document_of(assertion: Assertion, settings: SamlSettings) -> Document:
    """An assertion as a SCIM document, so that the same mapping derives the same Profile from it. Attributes are known
    by their usual names, by the names that SCIM has for them, or by the last part of a claim's URI. The order in which
    they come changes nothing.
    """
    told = {part: value for part, names in _NAMES.items() if (value := _best(assertion, names))}
    plain: Document = {}
    # A bare name counts before a URI that ends with it.
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
    """The value of the attribute whose name ranks first among the names for a part of a person; empty for none."""
    ranked: list[tuple[int, bool, str, str]] = []
    for attribute, values in assertion.attributes.items():
        whole = attribute.lower()
        known_as = whole if whole in names else whole.rpartition("/")[2]
        if not values or known_as not in names:
            continue
        # Entra's claim `name` is the userName unless somebody changed that, and no name to call a person by.
        if known_as == _CLAIM_OF_THE_NAME and ("@" in values[0] or fold(values[0]) == fold(assertion.name_id)):
            continue
        ranked.append((names.index(known_as), known_as != whole, attribute, values[0][:_LONGEST_FIELD]))
    return min(ranked)[3] if ranked else ""


async def create_just_in_time(tx: Tx, provider: IdentityProvider, assertion: Assertion) -> User:
    """Make the person whom an assertion names.

    Raises:
        SignInRefused: that is switched off, or the userName is or was somebody's.
    """
    if not provider.saml.just_in_time:
        raise SignInRefused(
            "Person",
            f"somebody whom {provider.name} has provisioned",
            f"the NameID '{assertion.name_id[:200]}', which is nobody's {provider.saml.name_id_is}",
            told=_NOT_PROVISIONED.format(name=provider.name),
        )
    try:
        document, _ = clean(document_of(assertion, provider.saml), USER_TYPE)
    except ScimError as error:
        raise SignInRefused("Person", "a NameID that can be a userName", error.detail) from None
    await _refuse_known_name(tx, provider, document["userName"])
    derive = await derivation_of(tx, provider.id, provider.mapping_version)
    changes = changes_between({}, document)
    try:
        return await make_person(
            tx,
            provider.id,
            describe(document),
            derive(document, "[]"),
            lambda user: {
                "user_name": document["userName"],
                "version": user.version,
                "changes": changes,
                "by": "sign-in",
            },
        )
    except UniqueViolation:
        raise _somebodys(document["userName"]) from None


async def _refuse_known_name(tx: Tx, provider: IdentityProvider, user_name: str) -> None:
    """Refuse a userName that was a person's of this identity provider, or is one's whom it may adopt.

    Raises:
        SignInRefused
    """
    if departed := await departed_at(tx, provider.id, user_name):
        raise SignInRefused(
            "Person",
            f"somebody who was not deleted here, or whom {provider.name} has provisioned again since",
            f"'{user_name[:200]}', who was deleted at {write_instant(departed)}",
            told=ENDED,
        )
    if former := await find_former_holder(tx, provider.id, user_name):
        user_id, changed_at = former
        raise SignInRefused(
            "Person",
            "a userName that was nobody's before, or under which somebody is provisioned",
            f"'{user_name[:200]}', the userName until {write_instant(changed_at)} of somebody who has another now",
            told=ENDED,
            user_id=user_id,
        )
    if provider.adopts and await find_adoptable_name(tx, fold(user_name)) is not None:
        raise _somebodys(user_name)


def _somebodys(user_name: str) -> SignInRefused:
    return SignInRefused("Person", "a userName that is nobody's yet", f"'{user_name[:200]}', which is somebody's")
