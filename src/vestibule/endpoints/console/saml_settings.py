"""The other forms on the tab Sign-in: how people sign in, candidate certificates, keys, and the sign-in test."""

import asyncio
from typing import Any, Final

from starlette.responses import Response

from vestibule.actions import saml_keys, saml_settings
from vestibule.endpoints.console.reauthentication import proven_for_settings
from vestibule.endpoints.console.saml_details import back_to_sign_in, existing_provider, sign_in_page
from vestibule.endpoints.console.sign_in_advice import mend_of_sign_in
from vestibule.endpoints.saml_out import send_to_sign_in
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, SignInRefused, WrongInput
from vestibule.saml.certificate import read_certificates
from vestibule.saml.errors import SamlError
from vestibule.saml.metadata import check_sso_url
from vestibule.saml.service_provider import make_signing_key
from vestibule.store.saml import find_request
from vestibule.store.users import find_user

_SWITCHES: Final = ("just_in_time", "sign_requests", "force_authn")


# -- how people sign in -----------------------------------------------------------------------------------------------


@proven_for_settings
async def change_sign_on(visit: Visit) -> Response:
    """Save how people sign in."""
    provider = await existing_provider(visit)
    try:
        changed: dict[str, Any] = {name: visit.field(name) == "yes" for name in _SWITCHES}
        changed["unsolicited"] = _one_of(visit, "unsolicited", ("refuse", "restart", "accept"))
        changed["name_id_is"] = _one_of(visit, "name_id_is", ("userName", "externalId"))
        changed["authn_context"] = visit.field("authn_context").strip()[:300]
        changed["groups_attribute"] = visit.field("groups_attribute").strip()[:300] or "groups"
        changed["default_relay"] = visit.field("default_relay").strip()[:2000]
        for name in ("slo_url", "slo_response_url"):
            changed[name] = visit.field(name).strip()[:2048]
            if changed[name]:
                _check_url(changed[name], name)
        changed["domains"] = tuple(dict.fromkeys(visit.field("domains").lower().replace(",", " ").split()))[:100]
        async with visit.context.database.write(visit.actor) as tx:
            await saml_settings.change_sign_on(tx, provider.id, **changed)
    except Refusal as refused:
        return await sign_in_page(visit, refused=refused)
    return back_to_sign_in(visit, provider.id)


def _check_url(url: str, field: str) -> None:
    try:
        check_sso_url(url)
    except SamlError as error:
        raise WrongInput(str(error).replace("SSO URL", "single logout URL"), field=field) from None


def _one_of(visit: Visit, name: str, allowed: tuple[str, ...]) -> str:
    value = visit.field(name)
    if value not in allowed:
        raise WrongInput(f"{name} should be one of {', '.join(allowed)}; got '{value[:80]}'.", field=name)
    return value


# -- certificates and keys ---------------------------------------------------------------------------------------------


@proven_for_settings
async def change_certificates(visit: Visit) -> Response:
    """Add a certificate for testing, put one into force, or remove one."""
    provider = await existing_provider(visit)
    act, fingerprint = visit.field("act"), visit.field("fingerprint")
    try:
        async with visit.context.database.write(visit.actor) as tx:
            if act == "add":
                try:
                    certificates = read_certificates(visit.field("candidate"))
                except SamlError as error:
                    raise WrongInput(str(error), field="candidate") from None
                await saml_settings.add_candidates(tx, provider.id, certificates)
            elif act == "use":
                await saml_settings.put_into_force(tx, provider.id, fingerprint)
            elif act == "remove":
                await saml_settings.remove_certificate(tx, provider.id, fingerprint)
            else:
                raise WrongInput(f"What to do should be add, use or remove; got '{act[:40]}'.")
    except Refusal as refused:
        return await sign_in_page(visit, refused=refused)
    return back_to_sign_in(visit, provider.id)


@proven_for_settings
async def change_keys(visit: Visit) -> Response:
    """Make one of our own SAML keys, use it, or remove one."""
    provider = await existing_provider(visit)
    act, key_id = visit.field("act"), visit.field("key")
    try:
        if act == "make":
            name, now = f"Vestibule {visit.tenant.name}", visit.received_at // 1000
            made = await asyncio.to_thread(make_signing_key, name, now)
            async with visit.context.database.write(visit.actor) as tx:
                await saml_keys.keep_next_key(tx, provider, made, visit.context.checker)
        else:
            acts = {"use": saml_keys.use_key, "drop": saml_keys.drop_key}
            if act not in acts:
                raise WrongInput(f"What to do should be make, use or drop; got '{act[:40]}'.")
            async with visit.context.database.write(visit.actor) as tx:
                await acts[act](tx, provider, key_id)
    except Refusal as refused:
        return await sign_in_page(visit, refused=refused)
    return back_to_sign_in(visit, provider.id)


# -- the sign-in test --------------------------------------------------------------------------------------------------


async def begin_test(visit: Visit) -> Response:
    """Begin a sign-in test, which makes a complete sign-in and shows the checks instead of opening a session."""
    provider = await existing_provider(visit)
    try:
        return await send_to_sign_in(visit, provider, "", purpose="test", force=visit.query("again") == "yes")
    except SignInRefused as refused:
        wrong = WrongInput(f"A sign-in test is not possible: {refused.reason}.")
        return await sign_in_page(visit, refused=wrong)


async def show_test(visit: Visit) -> Response:
    """Show the result of a sign-in test: all checks, the assertion, and the person who would be signed in."""
    provider = await existing_provider(visit)
    async with visit.context.database.read(visit.tenant.id) as reading:
        begun = await find_request(reading, visit.path("request_id"))
        if begun is None or begun.identity_provider_id != provider.id or begun.purpose != "test":
            raise visit.not_found()
        result = begun.result or {}
        person = await find_user(reading, result["person"]) if result.get("person") else None
    mends = {check[0]: mend_of_sign_in(check[0], provider.vendor) for check in result.get("checks", ()) if not check[3]}
    return visit.page("sign_in_test.html", provider=provider, result=result, person=person, mends=mends)
