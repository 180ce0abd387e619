"""The tab Sign-in of an identity provider, and its SAML details: entity ID, URLs and certificates.

The details come from a metadata URL, from metadata as a file or text, or from fields filled in by hand. If there are
details already, an administrator must confirm the changes before they are saved.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from vestibule.actions import saml_settings
from vestibule.endpoints.console.provider_frame import framed, provider_of
from vestibule.endpoints.console.reauthentication import proven_for_settings
from vestibule.endpoints.console.vendor_steps import fill_steps
from vestibule.endpoints.fetch import fetch
from vestibule.endpoints.saml_out import service_provider
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotFound, Refusal, WrongInput
from vestibule.model import Certificate, IdentityProvider, SamlBinding, SamlSettings
from vestibule.saml.certificate import read_certificates
from vestibule.saml.errors import SamlError
from vestibule.saml.metadata import check_sso_url, read_metadata
from vestibule.store.saml import keys_of
from vestibule.vendors import VENDORS

_TYPED: Final = ("metadata", "metadata_url", "entity_id", "sso_url", "certificate", "candidate")
_OURS: Final = ("acs_url", "entity_id", "metadata_url", "login_url")
_BINDINGS: Final[dict[str, SamlBinding]] = {"redirect": "redirect", "post": "post"}
_LINES: Final = (
    ("entity_id", "Entity ID (Issuer)"),
    ("sso_url", "SSO URL"),
    ("slo_url", "Single logout URL"),
    ("slo_response_url", "Where responses to a sign-out go"),
    ("metadata_url", "Metadata URL"),
)


@dataclass(frozen=True, slots=True)
class Replacement:
    """The changes that saving would make: rows as (label, before, after), and the certificates."""

    read: SamlSettings
    metadata_url: str
    version: str
    lines: list[tuple[str, str, str]]
    coming: list[Certificate]
    staying: list[Certificate]
    going: list[Certificate]

    @property
    def changes_nothing(self) -> bool:
        """Returns whether nothing would change."""
        return not self.coming and not self.going and all(before == after for _, before, after in self.lines)


async def show_sign_in(visit: Visit) -> Response:
    """Show the tab Sign-in."""
    return await sign_in_page(visit)


async def sign_in_page(visit: Visit, *, refused: Refusal | None = None) -> Response:
    """Returns the tab Sign-in, with the error in one of its forms if there is one."""
    async with visit.context.database.scan(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        ours = service_provider(visit.context, visit.tenant, provider)
        way = visit.field("way") or ("url" if provider.saml.metadata_url or not provider.saml.entity_id else "metadata")
        return visit.page(
            "provider_sign_in.html",
            refused.status if refused else 200,
            refused=refused,
            way=way,
            ours=ours,
            steps=fill_steps(VENDORS[provider.vendor].saml.steps, {name: getattr(ours, name) for name in _OURS}),
            saml_keys=await keys_of(reading, provider.id),
            values={name: visit.field(name) for name in _TYPED},
            **await framed(visit, reading, provider, "sign-in"),
        )


async def existing_provider(visit: Visit) -> IdentityProvider:
    """Returns the identity provider in the address.

    Raises:
        NotFound: this tenant has none of that id.
    """
    async with visit.context.database.read(visit.tenant.id) as reading:
        return await provider_of(visit, reading)


def back_to_sign_in(visit: Visit, provider_id: str, done: str = "saved") -> Response:
    """Returns a redirect to the tab Sign-in, which then says what was done."""
    return visit.redirect(visit.at("identity-providers", provider_id, "sign-in"), done)


# -- taking details ----------------------------------------------------------------------------------------------------


@proven_for_settings
async def change_saml(visit: Visit) -> Response:
    """Read the SAML details from the chosen source. The first ones are saved; later ones are shown for confirmation."""
    provider = await existing_provider(visit)
    try:
        read, metadata_url = await _read_chosen(visit, provider)
        replacement = _replacement(provider, read, metadata_url)
        if replacement.changes_nothing:
            return back_to_sign_in(visit, provider.id, "nothing-changed")
        if provider.saml.entity_id:
            return await _confirmation_page(visit, provider, replacement)
        async with visit.context.database.write(visit.actor) as tx:
            await saml_settings.replace_details(tx, provider.id, read, metadata_url, (), replacement.version)
    except NotFound:
        raise
    except Refusal as refused:
        return await sign_in_page(visit, refused=refused)
    return back_to_sign_in(visit, provider.id, "saml-saved")


@proven_for_settings
async def confirm_saml(visit: Visit) -> Response:
    """Save SAML details that were confirmed."""
    provider = await existing_provider(visit)
    keep = [each for each in visit.form.getlist("keep") if isinstance(each, str)]
    metadata_url = visit.field("metadata_url").strip()[:2048]
    read = _filled_in(visit)
    slo_url, slo_response_url = (visit.field(name).strip()[:2048] for name in ("slo_url", "slo_response_url"))
    for url in (slo_url, slo_response_url, metadata_url):
        if url:
            _check_url(url)
    read = replace(
        read,
        sso_binding=_BINDINGS.get(visit.field("sso_binding"), "redirect"),
        slo_url=slo_url,
        slo_binding=_BINDINGS.get(visit.field("slo_binding"), "redirect"),
        slo_response_url=slo_response_url,
    )
    try:
        async with visit.context.database.write(visit.actor) as tx:
            await saml_settings.replace_details(tx, provider.id, read, metadata_url, keep, visit.field("version"))
    except WrongInput as refused:
        provider = await existing_provider(visit)
        return await _confirmation_page(visit, provider, _replacement(provider, read, metadata_url), refused)
    return back_to_sign_in(visit, provider.id, "saml-saved")


@proven_for_settings
async def read_again(visit: Visit) -> Response:
    """Read the metadata from its URL now."""
    provider = await existing_provider(visit)
    try:
        if not provider.saml.metadata_url:
            raise WrongInput("Expected a metadata URL; there is none.", field="metadata_url")
        read = _read_metadata(await fetch(provider.saml.metadata_url, visit.context.settings.private_networks))
        await visit.readmit()
        async with visit.context.database.write(visit.actor) as tx:
            await saml_settings.note_refresh(tx, provider.id, read, "")
    except Refusal as refused:
        return await sign_in_page(visit, refused=refused)
    return back_to_sign_in(visit, provider.id, "metadata-read")


def _replacement(provider: IdentityProvider, read: SamlSettings, metadata_url: str) -> Replacement:
    before = provider.saml
    after = saml_settings.replaced(before, read, metadata_url, ())
    return Replacement(
        read,
        metadata_url,
        saml_settings.version_of(before),
        [(label, getattr(before, name), getattr(after, name)) for name, label in _LINES],
        [each for each in after.certificates if each not in before.certificates],
        [each for each in after.certificates if each in before.certificates],
        [each for each in before.certificates if each not in after.certificates],
    )


async def _confirmation_page(
    visit: Visit, provider: IdentityProvider, replacement: Replacement, refused: Refusal | None = None
) -> Response:
    async with visit.context.database.scan(visit.tenant.id) as reading:
        return visit.page(
            "provider_saml_confirm.html",
            refused.status if refused else 200,
            refused=refused,
            replacement=replacement,
            **await framed(visit, reading, provider, "sign-in"),
        )


# -- reading -----------------------------------------------------------------------------------------------------------


async def _read_chosen(visit: Visit, provider: IdentityProvider) -> tuple[SamlSettings, str]:
    """Returns the details, and the metadata URL if they are from one.

    Raises:
        WrongInput: there is no such source, or its data cannot be read.
    """
    match visit.field("way"):
        case "url":
            url = visit.field("metadata_url").strip()
            if not url:
                raise WrongInput("Expected a metadata URL; got nothing.", field="metadata_url")
            text = await fetch(url, visit.context.settings.private_networks)
            await visit.readmit()
            return _read_metadata(text, "metadata_url"), url
        case "metadata":
            return _read_metadata(await _uploaded(visit) or visit.field("metadata").encode()), ""
        case "hand":
            return _with_what_was_not_asked(_filled_in(visit), provider.saml), ""
        case other:
            raise WrongInput(
                f"The source of the SAML details should be one of url, metadata, hand; got '{other[:40]}'.", field="way"
            )


async def _uploaded(visit: Visit) -> bytes:
    file = visit.form.get("metadata_file")
    if not isinstance(file, UploadFile):
        return visit.field("metadata_file").encode()  # a form that was kept holds the file as text
    await file.seek(0)  # a handler may be run again
    return await file.read() if file.filename else b""


def _read_metadata(text: bytes, field: str = "metadata") -> SamlSettings:
    try:
        return read_metadata(text)
    except SamlError as error:
        raise WrongInput(str(error), field=field) from None


def _filled_in(visit: Visit) -> SamlSettings:
    """Returns the details of the form's own fields.

    Raises:
        WrongInput
    """
    entity_id, sso_url = visit.field("entity_id").strip(), visit.field("sso_url").strip()
    if not entity_id:
        raise WrongInput("Expected the entity ID (Issuer); got nothing.", field="entity_id")
    _check_url(sso_url, "sso_url")
    try:
        certificates = read_certificates(visit.field("certificate"))
    except SamlError as error:
        raise WrongInput(str(error), field="certificate") from None
    return SamlSettings(entity_id[:1024], sso_url[:2048], certificates)


def _check_url(url: str, field: str = "") -> None:
    try:
        check_sso_url(url)
    except SamlError as error:
        raise WrongInput(str(error), field=field) from None


def _with_what_was_not_asked(read: SamlSettings, before: SamlSettings) -> SamlSettings:
    """Returns details that were filled in by hand, completed with those that the form does not have.

    For the same entity ID the logout URLs stay, and so does the binding of an unchanged SSO URL.
    """
    if read.entity_id != before.entity_id:
        return read
    kept: dict[str, Any] = {name: getattr(before, name) for name in ("slo_url", "slo_binding", "slo_response_url")}
    if read.sso_url == before.sso_url:
        kept["sso_binding"] = before.sso_binding
    return replace(read, **kept)
