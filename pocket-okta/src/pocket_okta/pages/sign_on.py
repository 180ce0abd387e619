"""The Sign On tab of an application: its settings, its certificates, and where the other side finds it.

The rule: the form's fields have the names of Okta's API, so that a refused one is marked where it was typed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.acts import find
from pocket_okta.acts import sign_on as acts
from pocket_okta.desk import desk_of
from pocket_okta.engine.fetching import fetch_metadata
from pocket_okta.org import App
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import Wrong, form_of, go, ticked, wrong
from pocket_okta.pages.sso import base_of
from pocket_okta.refusal import Refusal
from pocket_okta.saml import keys
from pocket_okta.sign_on import (
    BINDINGS,
    ENCRYPTIONS,
    FILTERS,
    NAME_FORMATS,
    NAME_ID_FORMATS,
    NAME_ID_VALUES,
    SUBJECT_FORMATS,
    Encryption,
    GroupStatement,
    Participation,
    SignOn,
    SingleLogout,
    Statement,
    UniversalLogout,
)

_SPARE = 2  # empty rows below the statements that are there
_MOST = 50  # rows that a form may send


def _typed(it: SignOn) -> dict[str, str]:
    """Return the settings as the form's fields hold them."""
    ticks = {
        "samlSignedRequestEnabled": it.requests_signed,
        "honorForceAuthn": it.honor_force_authn,
        "sloEnabled": it.slo.enabled,
        "participateSlo": it.participation.enabled,
        "sessionIndexRequired": it.participation.session_index,
        "universalLogout": it.universal_logout.enabled,
        "publishAllCertificates": it.publish_all_keys,
    }
    return {
        "ssoAcsUrl": it.acs_url,
        "audience": it.audience,
        "recipient": it.recipient,
        "destination": it.destination,
        "acsEndpoints": "\n".join(it.other_acs_urls),
        "defaultRelayState": it.default_relay_state,
        "subjectNameIdFormat": it.name_id_format,
        "subjectNameIdTemplate": it.name_id_source,
        "responseSigned": "signed" if it.response_signed else "unsigned",
        "assertionSigned": "signed" if it.assertion_signed else "unsigned",
        "encryptionAlgorithm": it.encryption.algorithm if it.encryption.enabled else "",
        "assertionEncryption": it.encryption.certificate,
        "spCertificate": "".join(it.sp_certificates),
        "logoutUrl": it.slo.logout_url,
        "issuer": it.slo.issuer,
        "logoutRequestUrl": it.participation.logout_request_url,
        "bindingType": it.participation.binding,
        "universalLogoutEndpoint": it.universal_logout.endpoint,
        "subjectFormat": it.universal_logout.subject_format,
        **{name: "on" for name, on in ticks.items() if on},
        **dict(_typed_statements(it)),
    }


def _typed_statements(it: SignOn) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(it.statements):
        yield f"name{number}", row.name
        yield f"format{number}", row.name_format
        yield f"value{number}", ", ".join(row.sources)
    for number, group in enumerate(it.group_statements):
        yield f"groupName{number}", group.name
        yield f"groupFormat{number}", group.name_format
        yield f"groupFilter{number}", group.filter
        yield f"groupValue{number}", group.value


def _wanted(now: SignOn, form: Mapping[str, str]) -> SignOn:
    """Return the settings as the form would make them."""
    name_id = form.get("subjectNameIdTemplate", now.name_id_source)
    encryption = acts.certificates_in("assertionEncryption", form.get("assertionEncryption", ""))
    algorithm = form.get("encryptionAlgorithm", "")
    return replace(
        now,
        acs_url=_word(form, "ssoAcsUrl"),
        audience=_word(form, "audience"),
        recipient=_word(form, "recipient"),
        destination=_word(form, "destination"),
        other_acs_urls=tuple(dict.fromkeys(form.get("acsEndpoints", "").split())),
        default_relay_state=_word(form, "defaultRelayState"),
        name_id_format=form.get("subjectNameIdFormat", now.name_id_format),
        name_id_source=name_id,
        response_signed=form.get("responseSigned") != "unsigned",
        assertion_signed=form.get("assertionSigned") != "unsigned",
        honor_force_authn=ticked(form, "honorForceAuthn"),
        statements=_statements(form),
        group_statements=_group_statements(form),
        encryption=Encryption(
            bool(algorithm), algorithm or now.encryption.algorithm, encryption[0] if encryption else ""
        ),
        sp_certificates=acts.certificates_in("spCertificate", form.get("spCertificate", "")),
        requests_signed=ticked(form, "samlSignedRequestEnabled"),
        slo=SingleLogout(ticked(form, "sloEnabled"), _word(form, "logoutUrl"), _word(form, "issuer")),
        participation=Participation(
            ticked(form, "participateSlo"),
            _word(form, "logoutRequestUrl"),
            form.get("bindingType", BINDINGS[0]),
            ticked(form, "sessionIndexRequired"),
        ),
        universal_logout=UniversalLogout(
            ticked(form, "universalLogout"),
            _word(form, "universalLogoutEndpoint"),
            form.get("subjectFormat", now.universal_logout.subject_format),
        ),
        publish_all_keys=ticked(form, "publishAllCertificates"),
    )


def _word(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").strip()


def _statements(form: Mapping[str, str]) -> tuple[Statement, ...]:
    """Return the rows that have a name; the values of one are separated by commas."""
    return tuple(
        Statement(
            _word(form, f"name{number}"),
            tuple(re.findall(r'"[^"]*"|[^,\s]+', form.get(f"value{number}", ""))),
            form.get(f"format{number}", NAME_FORMATS["Unspecified"]),
        )
        for number in range(_MOST)
        if _word(form, f"name{number}")
    )


def _group_statements(form: Mapping[str, str]) -> tuple[GroupStatement, ...]:
    return tuple(
        GroupStatement(
            _word(form, f"groupName{number}"),
            form.get(f"groupFilter{number}", "STARTS_WITH"),
            form.get(f"groupValue{number}", ""),
            form.get(f"groupFormat{number}", NAME_FORMATS["Unspecified"]),
        )
        for number in range(_MOST)
        if _word(form, f"groupName{number}")
    )


def _edit(request: Request, app: App, values: Mapping[str, str], problem: Wrong, status: int = 200) -> Response:
    rows = sum(1 for number in range(_MOST) if values.get(f"name{number}"))
    groups = sum(1 for number in range(_MOST) if values.get(f"groupName{number}"))
    own = values.get("subjectNameIdTemplate", "")
    return render_tab(
        request,
        "sign_on_edit.html",
        app,
        "sign-on",
        status,
        values=values,
        problem=problem,
        name_ids=[*NAME_ID_VALUES.items(), *([(own, own)] if own not in NAME_ID_VALUES else [])],
        name_id_formats=[(uri, word) for word, uri in NAME_ID_FORMATS.items()],
        name_formats=[(uri, word) for word, uri in NAME_FORMATS.items()],
        filters=FILTERS.items(),
        encryptions=[("", "Unencrypted"), *((key, f"Encrypted, {word}") for key, word in ENCRYPTIONS.items())],
        bindings=[(binding, f"HTTP-{binding}") for binding in BINDINGS],
        subject_formats=SUBJECT_FORMATS.items(),
        statement_rows=range(min(_MOST, rows + _SPARE)),
        group_rows=range(min(_MOST, groups + _SPARE)),
    )


def _view(request: Request, app: App, problem: Wrong, status: int = 200) -> Response:
    desk = desk_of(request)
    with desk.db.write() as tx:
        found = acts.all_keys(tx, app)
    active = next(key for key in found if key.active)
    return render_tab(
        request,
        "sign_on.html",
        app,
        "sign-on",
        status,
        it=app.sign_on,
        ends=acts.endpoints(base_of(request), app),
        keys=[(key, keys.fingerprint(key.certificate)) for key in reversed(found)],
        certificate=active.certificate,
        org_url=desk.org_url,
        problem=problem,
        name_id=NAME_ID_VALUES.get(app.sign_on.name_id_source, app.sign_on.name_id_source),
        name_id_format={uri: word for word, uri in NAME_ID_FORMATS.items()}[app.sign_on.name_id_format],
        filters=FILTERS,
        encryptions=ENCRYPTIONS,
        subject_formats=SUBJECT_FORMATS,
    )


async def show_sign_on(request: Request) -> Response:
    app = app_of(request)
    if "edit" in request.query_params:
        return _edit(request, app, _typed(app.sign_on), Wrong())
    return _view(request, app, Wrong())


async def save_sign_on(request: Request) -> Response:
    form = await form_of(request)
    app = app_of(request)
    try:
        with desk_of(request).db.write() as tx:
            now = find.app(tx, app.id)
            acts.save(tx, now, _wanted(now.sign_on, form))
    except Refusal as refused:
        return _edit(request, app, form, wrong(refused), 400)
    return go(request, f"/applications/{app.id}/sign-on", "The sign-on settings were saved.")


async def read_metadata(request: Request) -> Response:
    """Fill in what the service provider's metadata says, given by its address or pasted."""
    form = await form_of(request)
    desk = desk_of(request)
    app = app_of(request)
    url, pasted = _word(form, "spMetadataUrl"), form.get("spMetadata", "")
    try:
        if not url and not pasted.strip():
            raise refusal.invalid("spMetadata", "SP metadata: wanted an address or the XML itself.")
        document = await fetch_metadata(desk.engine, app, url) if url else pasted.encode()
        with desk.db.write() as tx:
            now = find.app(tx, app.id)
            acts.save(tx, now, acts.from_metadata(now.sign_on, document))
    except Refusal as refused:
        return _view(request, app, wrong(refused), 400)
    return go(request, f"/applications/{app.id}/sign-on", "The service provider's metadata was read and saved.")


async def generate_key(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        acts.all_keys(tx, app)
        acts.generate(tx, app)
    return go(
        request,
        f"/applications/{app.id}/sign-on",
        "A new certificate was made. It signs nothing until it is activated.",
    )


async def activate_key(request: Request) -> Response:
    form = await form_of(request)
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        acts.activate(tx, app, form.get("kid", ""))
    return go(
        request,
        f"/applications/{app.id}/sign-on",
        "The certificate is active: it signs from now on. The service provider has to know it.",
    )
