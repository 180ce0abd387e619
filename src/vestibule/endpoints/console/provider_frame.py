"""The frame of an identity provider's page: the header above the tabs, and the steps of the set-up.

Every tab is a page with its own URL. Its handler reads what the tab shows and adds `framed(…)`, which the template
`provider_frame.html` needs.
"""

from dataclasses import dataclass
from typing import Any, Final

from vestibule.endpoints.console.health import health_of
from vestibule.endpoints.web.visit import Visit
from vestibule.model import Credential, IdentityProvider
from vestibule.store.credentials import credentials_of
from vestibule.store.database import Reading
from vestibule.store.events import latest_event
from vestibule.store.identity_providers import find_provider
from vestibule.store.user_lists import count_by_provider, page_of_provider
from vestibule.vendors import VENDORS

TABS: Final = (
    ("", "Overview"),
    ("provisioning", "Provisioning"),
    ("sign-in", "Sign-in"),
    ("mapping", "Mapping"),
    ("roles", "Roles"),
    ("activity", "Activity"),
    ("settings", "Settings"),
)
"""The tabs as (last part of the URL, title). The overview is the identity provider's own URL."""


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A step of the set-up. It is done once there is evidence for it."""

    title: str
    done: bool
    done_at: int | None
    advice: str
    """What to do while the step is not done."""
    tab: str
    """The tab on which to do it."""
    link: str
    """The text of the link to that tab."""


async def provider_of(visit: Visit, reading: Reading) -> IdentityProvider:
    """Returns the identity provider in the address.

    Raises:
        NotFound: this tenant has none of that id.
    """
    provider = await find_provider(reading, visit.path("provider_id"))
    if provider is None:
        raise visit.not_found()
    return provider


async def framed(visit: Visit, reading: Reading, provider: IdentityProvider, tab: str) -> dict[str, Any]:
    """Returns the values for the frame: name, vendor, state, live line, tabs, and the next step of the set-up."""
    counts = await count_by_provider(reading)
    active, inactive = (counts.get((provider.id, each), 0) for each in (True, False))
    steps = await setup_steps(reading, provider, active + inactive)
    return {
        "provider": provider,
        "vendor": VENDORS[provider.vendor],
        "path": visit.at("identity-providers", provider.id),
        "editable": visit.may_change(provider),
        "tabs": TABS,
        "tab": tab,
        "active": active,
        "inactive": inactive,
        "health": await health_of(reading, visit.tenant, provider, active),
        "setup": steps,
        "next_step": next((step for step in steps if not step.done), None),
    }


async def setup_steps(reading: Reading, provider: IdentityProvider, people: int) -> tuple[SetupStep, ...]:
    """Returns the steps from a new identity provider to the first sign-in, each with when it was done, if so."""
    keys = await credentials_of(reading, provider.id)
    first = await page_of_provider(reading, provider.id, "", 1) if people else []
    signed_in = await latest_event(reading, provider.id, "user.signed_in")
    saml, title = provider.saml, VENDORS[provider.vendor].title
    return (
        _credentials_step(reading, provider, keys),
        SetupStep(
            "First person",
            bool(first),
            first[0].created_at if first else None,
            f"Assign somebody to the application in {title}. They appear here within seconds.",
            "provisioning",
            f"Steps in {title}",
        ),
        SetupStep(
            "Metadata read",
            bool(saml.entity_id and saml.sso_url and saml.certificates),
            saml.refreshed_at or None,
            f"Enter the metadata URL of {title} in Vestibule, and the addresses of Vestibule in {title}.",
            "sign-in",
            "Identity Provider Information",
        ),
        SetupStep(
            "First sign-in",
            signed_in is not None,
            signed_in.at if signed_in else None,
            "Test sign-in, then let a provisioned person sign in.",
            "sign-in",
            "Test sign-in",
        ),
    )


def _credentials_step(reading: Reading, provider: IdentityProvider, keys: list[Credential]) -> SetupStep:
    vendor = VENDORS[provider.vendor]
    used = [at for key in keys for at in (key.tested_at, key.last_used_at) if at]
    if any(key.usable(reading.now) for key in keys):
        advice = f"Enter the SCIM URL, the Key and the Secret in {vendor.title}, and press {vendor.probe}."
        link = "SCIM URL and Key"
    else:
        advice = "Switch on auto-provisioning. A Key and a Secret are made then."
        link = "Switch on auto-provisioning"
    return SetupStep("Credentials tested", bool(used), min(used, default=None), advice, "provisioning", link)
