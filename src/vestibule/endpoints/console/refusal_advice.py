"""Advice on refusals in the activity log: what to correct, in the other product or here."""

from typing import Final

from vestibule.endpoints.console.connection_advice import advice_on_address, advice_on_credential
from vestibule.endpoints.console.sign_in_advice import mend_of_sign_in
from vestibule.endpoints.web.visit import Visit
from vestibule.model import Event, IdentityProvider
from vestibule.vendors import VENDORS

_MENDS: Final = {
    "uniqueness": "Somebody has this userName already, perhaps inactive. In {vendor}: check that the unique identifier "
    "is userName, or give one of the two another userName. To link to a person who was added by hand here, let "
    "{vendor} look them up by userName before it creates.",
    "invalidFilter": "The filter is not one that SCIM knows. In {vendor}: check the expression that people or groups "
    "are matched by.",
    "invalidValue": "A value has the wrong form. In {vendor}: check the mapping of the attribute that the reason "
    "names.",
    "invalidPath": "A path names no attribute. In {vendor}: check the external name and namespace of the attribute.",
    "noTarget": "The operation selects a value that is not there. In {vendor}: check the mapping of the attribute.",
    "mutability": "userName cannot be removed. In {vendor}: give it a value in the mapping.",
    "tooMany": "The request is too large. In {vendor}: make its batches smaller.",
    "403": "Provisioning is switched off here, or {vendor} may not do this. Switch it on under Integrations > "
    "Identity Providers > Provisioning.",
    "404": "There is no such person for this identity provider: they were deleted here, or the id is another tenant's. "
    "In {vendor}: {send_again}, so that they are looked up again.",
    "429": "{retries} If provisioning is paused, resume it; if it sends too much at once, it slows down.",
    "405": "This address does not accept this method. In {vendor}: check which version of SCIM the application uses; "
    "it has to be 2.0.",
    "501": "{vendor} asked for a part of SCIM that is not supported here. In {vendor}: switch that part off. People "
    "and groups are still provisioned.",
    "415": "The body has a media type that SCIM does not use. In {vendor}: check that the application uses SCIM 2.0.",
}
"""Advice on a refused SCIM request, by its `scimType`, or by its status."""
_MENDS_OF_GROUPS: Final = {
    "uniqueness": "There is a group of that name already. In {vendor}: link to it, or give one of the two another "
    "name.",
    "invalidValue": "Often a member was not sent here yet, or was deleted here. In {vendor}: assign the members to the "
    "application, and push the group again once they are here. Use other groups for assigning people than for pushing.",
    "404": "There is no such group for this identity provider: it was deleted here, or the id is another tenant's. In "
    "{vendor}: push the group again.",
}
"""The same for a request about groups, where it differs."""


_SESSIONS_GO_ON: Final = (
    "The sessions that should have ended go on. End them on the person's page under Users, then compare the identity "
    "provider's signing certificate and addresses with those on its page here."
)


def advice_on(event: Event, providers: dict[str, IdentityProvider]) -> str:
    """Returns what to do about a refusal, with the names of the vendor's screens; empty if there is no advice.

    `providers` are the tenant's, by id.
    """
    provider = providers.get(event.identity_provider_id)
    vendor = provider.vendor if provider else _only_vendor(providers)
    if event.type == "login.refused":
        return mend_of_sign_in(str(event.data.get("check", "")), vendor)
    if event.type == "credential.refused":
        return advice_on_credential(event, VENDORS[vendor])
    if event.data.get("questions_connection"):
        return advice_on_address(VENDORS[vendor])
    if event.type == "revocation.refused":
        return _SESSIONS_GO_ON
    if event.type != "request.refused":
        return ""
    mends = _MENDS | _MENDS_OF_GROUPS if _is_about_groups(event) else _MENDS
    sentence = mends.get(event.data.get("scim_type", "")) or mends.get(str(event.data.get("status", "")), "")
    title = VENDORS[vendor].title if vendor != "generic" else "the identity provider"
    again = VENDORS[vendor].send_again
    retries = (
        f"Nothing is lost: {title} tries again by itself."
        if VENDORS[vendor].retries
        else (f"{title[0].upper()}{title[1:]} may not try again by itself. Then, in {title}: {again}.")
    )
    return sentence.format(vendor=title, send_again=again, retries=retries)


def _is_about_groups(event: Event) -> bool:
    path = str(event.data.get("request", {}).get("path", "")).partition("?")[0]
    return "Groups" in path.split("/")


def mend_link(visit: Visit, event: Event, providers: dict[str, IdentityProvider]) -> tuple[str, str]:
    """Returns the page here on which a refusal is mended, and the words of the link; empty where it is mended in
    another product or by somebody else.
    """
    data, check = event.data, str(event.data.get("check", ""))
    if event.type == "login.refused" and check in _OF_A_PERSON and event.subject_id:
        return visit.at("users", event.subject_id), "Open the person"
    if data.get("scim_type") == "uniqueness" and data.get("user_name"):
        return visit.at("users", q=str(data["user_name"])), "Find the person"
    if event.identity_provider_id not in providers:
        return "", ""
    tab = _TABS.get(event.type, "")
    if event.type == "login.refused":
        tab = _TABS_OF_CHECKS.get(check, tab)
    elif event.type == "request.refused":
        here = data.get("questions_connection") or str(data.get("status", "")) in {"403", "429"}
        tab = "provisioning" if here else ""
    return (visit.at("identity-providers", event.identity_provider_id, tab), "Mend") if tab else ("", "")


_OF_A_PERSON: Final = {"Person", "Deactivated", "Blocked"}
"""Checks of a sign-in that are mended on a person's page."""
_TABS: Final = {"login.refused": "sign-in", "revocation.refused": "sign-in", "credential.refused": "provisioning"}
_TABS_OF_CHECKS: Final = {"Disabled": "settings", "Suspended": ""}
"""The tab of an identity provider on which a refusal is mended, by its event and by the check of a sign-in."""


def _only_vendor(providers: dict[str, IdentityProvider]) -> str:
    """Returns the vendor for an event without an identity provider: that of all of the tenant's, or generic."""
    vendors = {provider.vendor for provider in providers.values()}
    return vendors.pop() if len(vendors) == 1 else "generic"
