"""Try whether an app's SCIM service answers: the button "Test API Credentials", and every Save that depends on it.

The rule: it makes a network request, so it uses no transaction; the caller saves afterwards.
"""

from dataclasses import dataclass

from pocket_okta import refusal
from pocket_okta.engine.exchange import CallFailed
from pocket_okta.engine.queue import Engine
from pocket_okta.entitlements import Discovery
from pocket_okta.org import App


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a credential test found. `status` is the HTTP status of the answer, 0 if none came."""

    verified: bool
    message: str
    status: int


async def try_out(engine: Engine, app: App) -> Verdict:
    """Ask the service of an app, saved or not, what Okta asks; returns the sentence that Okta shows."""
    try:
        await engine.probe(app)
    except CallFailed as failed:
        return Verdict(verified=False, message=_why_not(failed), status=failed.status)
    return Verdict(verified=True, message=f"{app.label} was verified successfully!", status=200)


async def verify(engine: Engine, app: App) -> None:
    """Refuse to go on if the service of an app does not answer as it should."""
    verdict = await try_out(engine, app)
    if not verdict.verified:
        raise refusal.invalid("connection", verdict.message)


async def discovered(engine: Engine, app: App) -> Discovery:
    """Return what an app's service says about itself; refuses in a sentence if it cannot be read."""
    if not app.connected:
        raise refusal.invalid("connection", "API integration is off: see Provisioning > Integration.")
    try:
        return await engine.discover(app)
    except CallFailed as failed:
        raise refusal.invalid("connection", f"Error while reading entitlements: {failed.reason}") from None


async def discovered_on_save(engine: Engine, app: App) -> Discovery | None:
    """Return what every Save of an enabled connection reads if entitlements or the schema are imported."""
    wanted = app.connected and (app.entitlements or app.import_schema)
    return await discovered(engine, app) if wanted else None


def _why_not(failed: CallFailed) -> str:
    reason = failed.reason if failed.reason.endswith(".") else f"{failed.reason}."
    return (
        f"Error authenticating: {reason} Check that the URL and the authentication parameters are right "
        "and that a SCIM service answers at that address."
    )
