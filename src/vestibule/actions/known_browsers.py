"""Known browsers: those in which an administrator has signed in before.

A known browser has a cookie of 256 random bits, which is replaced at each sign-in; its hash is stored. The cookie gives
no access. It only means that password attempts from this browser are limited separately from those of strangers. All
known browsers of an administrator are forgotten when the password changes, when the second factors are reset, and when
the administrator is locked out.
"""

from collections.abc import Sequence
from typing import Final

from vestibule.keys import make_one_time_token, tenant_of_token, token_check
from vestibule.limits import KNOWN_BROWSER_DAYS, KNOWN_BROWSERS
from vestibule.model import Administrator
from vestibule.store.database import AllTenants
from vestibule.store.known_browsers import delete_known_browser, insert_known_browser, is_known_browser

_DAY: Final = 86_400_000


async def find_known(all_tenants: AllTenants, tokens: Sequence[str], administrator: Administrator | None) -> str:
    """Returns the cookie in `tokens` that belongs to a known browser of this administrator; empty if none does."""
    if administrator is not None:
        for token in tokens:
            if tenant_of_token(token) == administrator.tenant_id and await is_known_browser(
                all_tenants, administrator, token_check(token)
            ):
                return token
    return ""


async def remember_browser(
    all_tenants: AllTenants, tokens: Sequence[str], administrator: Administrator
) -> tuple[str, ...]:
    """Make the browser that sent these cookies a known browser of an administrator.

    Returns the cookies for the browser, the newest first.
    """
    old = await find_known(all_tenants, tokens, administrator)
    if old:
        await delete_known_browser(all_tenants, administrator, token_check(old))
    token = make_one_time_token(administrator.tenant_id)
    await insert_known_browser(
        all_tenants, administrator, token_check(token), all_tenants.now + KNOWN_BROWSER_DAYS * _DAY, KNOWN_BROWSERS
    )
    return (token, *(each for each in tokens if each != old))
