"""Fetches an application's SAML metadata from a URL.

The rule: it makes a network request, so it uses no transaction; the caller saves afterwards.
"""

from pocket_okta import refusal
from pocket_okta.engine.exchange import CallFailed
from pocket_okta.engine.queue import Engine
from pocket_okta.org import App
from pocket_okta.sign_on import check_url


async def fetch_metadata(engine: Engine, app: App, url: str) -> bytes:
    """Return the document at an address; refuses one that does not answer, in a sentence."""
    check_url("spMetadataUrl", "SP metadata URL", url)
    try:
        answer = await engine.fetch(app, url)
    except CallFailed as failed:
        reason = failed.reason if failed.reason.endswith(".") else f"{failed.reason}."
        raise refusal.invalid("spMetadataUrl", f"SP metadata URL: {url} could not be read: {reason}") from None
    return answer.text.encode()
