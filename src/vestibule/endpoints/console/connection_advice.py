"""Advice on refused credentials and wrong addresses: which field to correct in the other product."""

from typing import Final

from vestibule.model import Event
from vestibule.vendors import Vendor

_LIVE_PAIR: Final = "Use the Key and Secret of a live pair on this identity provider's page, or make a new one. "


def advice_on_credential(event: Event, vendor: Vendor) -> str:
    """Returns what to do about a `credential.refused` event, with the names of the vendor's screens."""
    reason = str(event.data.get("reason", ""))
    one = vendor.key_field == vendor.secret_field
    where = f"In {vendor.title}: {vendor.connection_screen}"
    paste = f"In {vendor.title}: {vendor.mend_setting}."
    test = f"Then press {vendor.probe}."
    a_key = "the token of a Key" if one else "a Key"
    in_one = "which is Key and Secret in one string and is shown beside them when they are made"
    advice = {
        "wrong secret": paste,
        "incomplete secret": paste,
        "retired key": _LIVE_PAIR + paste,
        "expired key": _LIVE_PAIR + paste,
        "swapped key and secret": f"{where}: {vendor.key_field} has to be the token, {in_one}. {test}"
        if one
        else f"{where}: put the Key into {vendor.key_field} and the Secret into {vendor.secret_field}. {test}",
        "secret alone": f"{where}: a single value must be the token, {in_one}. {test}",
        "wrong address": f"{where}: {vendor.url_field} has to be the SCIM URL on this identity provider's page, "
        f"letter for letter, with nothing after it. {test}",
        "identity provider switched off": "It is enabled again.",
        "tenant suspended": "It was resumed since.",
        "unknown key": f"If it was yours: {where}: {vendor.key_field} has to be {a_key} on the page of this identity "
        f"provider, and {vendor.url_field} the SCIM URL there. {test}",
        "no credential": f"If it was yours: {where}: fill in {_both(vendor)}. {test}",
    }
    return f"Nothing was changed. {advice.get(reason, paste)}"


def _both(vendor: Vendor) -> str:
    """Returns the names of the fields for Key and Secret; only one if the product takes a token."""
    one = vendor.key_field == vendor.secret_field
    return vendor.key_field if one else f"{vendor.key_field} and {vendor.secret_field}"


def advice_on_address(vendor: Vendor) -> str:
    """Returns what to do about requests to a wrong address, or in another form than SCIM's."""
    return (
        f"Nothing was changed. In {vendor.title}: {vendor.connection_screen}: {vendor.url_field} has to be the SCIM "
        f"URL on this identity provider's page, letter for letter, with nothing after it. Then press {vendor.probe}."
    )
