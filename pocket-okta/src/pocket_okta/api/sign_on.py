"""`settings.signOn` of an app in Okta's own names, its signing keys, and its metadata.

The rule: a setting that a body omits is kept, null clears it, and a name that Okta does not have is refused, because a
misspelt setting must not look saved.
"""

from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta import refusal
from pocket_okta.acts import find
from pocket_okta.acts import sign_on as acts
from pocket_okta.api import answers
from pocket_okta.api.shapes import Json
from pocket_okta.desk import desk_of
from pocket_okta.org import App
from pocket_okta.saml import keys, names
from pocket_okta.sign_on import (
    NAME_FORMATS,
    Encryption,
    GroupStatement,
    Participation,
    SigningKey,
    SignOn,
    SingleLogout,
    Statement,
    UniversalLogout,
)
from pocket_okta.store.database import Tx

# What Okta has one answer for and the pocket too: told, and taken back only as it is.
_FIXED: Mapping[str, object] = {
    "idpIssuer": "http://www.okta.com/${org.externalKey}",
    "signatureAlgorithm": "RSA_SHA256",
    "digestAlgorithm": "SHA256",
    "authnContextClassRef": names.PASSWORD_PROTECTED,
    "samlAssertionLifetimeSeconds": 300,
}
_SETTABLE = (
    "defaultRelayState",
    "ssoAcsUrl",
    "audience",
    "recipient",
    "destination",
    "subjectNameIdTemplate",
    "subjectNameIdFormat",
    "responseSigned",
    "assertionSigned",
    "honorForceAuthn",
    "allowMultipleAcsEndpoints",
    "acsEndpoints",
    "samlSignedRequestEnabled",
    "attributeStatements",
    "assertionEncryption",
    "spCertificate",
    "slo",
    "participateSlo",
)


def sign_on(it: SignOn) -> Json:
    """Return the settings in the shape of Okta's API. Recipient and destination are those that are sent."""
    return {
        **_FIXED,
        "defaultRelayState": it.default_relay_state or None,
        "ssoAcsUrl": it.acs_url or None,
        "audience": it.audience or None,
        "recipient": it.recipient or it.acs_url or None,
        "destination": it.destination or it.acs_url or None,
        "subjectNameIdTemplate": f"${{{it.name_id_source}}}",
        "subjectNameIdFormat": it.name_id_format,
        "responseSigned": it.response_signed,
        "assertionSigned": it.assertion_signed,
        "honorForceAuthn": it.honor_force_authn,
        "allowMultipleAcsEndpoints": bool(it.other_acs_urls),
        "acsEndpoints": [{"url": url, "index": index} for index, url in enumerate(it.other_acs_urls, start=1)],
        "samlSignedRequestEnabled": it.requests_signed,
        "attributeStatements": [_statement(row) for row in it.statements]
        + [_group_statement(row) for row in it.group_statements],
        "assertionEncryption": {
            "enabled": it.encryption.enabled,
            "encryptionAlgorithm": it.encryption.algorithm,
            "keyTransportAlgorithm": "RSA_OAEP",
            "x5c": [keys.body_of(it.encryption.certificate)] if it.encryption.certificate else [],
        },
        "spCertificate": {"x5c": [keys.body_of(pem) for pem in it.sp_certificates]} if it.sp_certificates else None,
        "slo": {"enabled": it.slo.enabled, "issuer": it.slo.issuer or None, "logoutUrl": it.slo.logout_url or None},
        "participateSlo": {
            "enabled": it.participation.enabled,
            "logoutRequestUrl": it.participation.logout_request_url or None,
            "sessionIndexRequired": it.participation.session_index,
            "bindingType": it.participation.binding,
        },
    }


def universal_logout(it: UniversalLogout) -> Json:
    return {
        "status": "ENABLED" if it.enabled else "DISABLED",
        "protocol": "GLOBAL_TOKEN_REVOCATION",
        "endpoint": it.endpoint or None,
        "subjectFormat": it.subject_format,
    }


def _statement(row: Statement) -> Json:
    return {"type": "EXPRESSION", "name": row.name, "namespace": row.name_format, "values": list(row.sources)}


def _group_statement(row: GroupStatement) -> Json:
    return {
        "type": "GROUP",
        "name": row.name,
        "namespace": row.name_format,
        "filterType": row.filter,
        "filterValue": row.value,
    }


def key(it: SigningKey) -> Json:
    """Return a signing key's public half."""
    return {
        "kid": it.kid,
        "kty": "RSA",
        "use": "sig",
        "created": it.created,
        "lastUpdated": it.created,
        "expiresAt": it.expires,
        "x5c": [keys.body_of(it.certificate)],
        "x5t#S256": it.kid,
        "pocket": {"active": it.active, "fingerprint": keys.fingerprint(it.certificate)},
    }


def save(tx: Tx, app: App, body: Mapping[str, object]) -> App:
    """Save the sign-on settings of an app's body, and activate the key that it names."""
    given = answers.child(answers.child(body, "settings"), "signOn")
    pocket = answers.child(answers.child(body, "settings"), "pocket")
    settings = replace(
        read(given, app.sign_on),
        universal_logout=_universal_logout(answers.child(body, "universalLogout"), app.sign_on.universal_logout),
        publish_all_keys=answers.switch(pocket, "publishAllCertificates", default=app.sign_on.publish_all_keys),
    )
    if settings != app.sign_on:
        app = acts.save(tx, app, settings)
    signing = answers.child(answers.child(body, "credentials"), "signing")
    kid = answers.text(signing, "kid")
    if kid and kid != acts.active_key(tx, app).kid:
        acts.activate(tx, app, kid)
    return app


def read(given: Mapping[str, object], now: SignOn) -> SignOn:
    """Return the settings overwritten with those of a `signOn` body."""
    for name in given:
        if name not in _SETTABLE and name not in _FIXED:
            raise refusal.invalid(name, f"{name}: signOn has no such setting; it has {', '.join(_SETTABLE)}.")
        if name in _FIXED and given[name] is not None and given[name] != _FIXED[name]:
            raise refusal.invalid(name, f"{name}: the pocket Okta has {_FIXED[name]!r} alone, got {given[name]!r}.")
    acs_url = _word(given, "ssoAcsUrl", now.acs_url)
    template = _word(given, "subjectNameIdTemplate", f"${{{now.name_id_source}}}")
    certificate = answers.child(given, "spCertificate")
    return replace(
        now,
        acs_url=acs_url,
        audience=_word(given, "audience", now.audience),
        recipient=_unless_same(_word(given, "recipient", now.recipient), acs_url),
        destination=_unless_same(_word(given, "destination", now.destination), acs_url),
        other_acs_urls=_acs_endpoints(given) if "acsEndpoints" in given else now.other_acs_urls,
        default_relay_state=_word(given, "defaultRelayState", now.default_relay_state),
        name_id_format=_word(given, "subjectNameIdFormat", now.name_id_format),
        name_id_source=template.removeprefix("${").removesuffix("}"),
        response_signed=answers.switch(given, "responseSigned", default=now.response_signed),
        assertion_signed=answers.switch(given, "assertionSigned", default=now.assertion_signed),
        honor_force_authn=answers.switch(given, "honorForceAuthn", default=now.honor_force_authn),
        statements=_statements(given) if "attributeStatements" in given else now.statements,
        group_statements=_group_statements(given) if "attributeStatements" in given else now.group_statements,
        encryption=_encryption(answers.child(given, "assertionEncryption"), now),
        sp_certificates=_x5c(certificate, "spCertificate") if "spCertificate" in given else now.sp_certificates,
        requests_signed=answers.switch(given, "samlSignedRequestEnabled", default=now.requests_signed),
        slo=_slo(answers.child(given, "slo"), now.slo),
        participation=_participation(answers.child(given, "participateSlo"), now.participation),
    )


def _word(given: Mapping[str, object], name: str, current: str) -> str:
    return answers.text(given, name).strip() if name in given else current


def _unless_same(url: str, acs_url: str) -> str:
    return "" if url == acs_url else url


def _rows(given: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    found = given.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise refusal.invalid(name, f"{name}: wanted a list of objects.")
    return found


def _words(given: Mapping[str, object], name: str) -> tuple[str, ...]:
    found = given.get(name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise refusal.invalid(name, f"{name}: wanted a list of texts.")
    return tuple(found)


def _acs_endpoints(given: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(answers.text(row, "url") for row in _rows(given, "acsEndpoints"))


def _is_group(row: Mapping[str, object]) -> bool:
    kind = answers.text(row, "type", "EXPRESSION")
    if kind not in {"EXPRESSION", "GROUP"}:
        raise refusal.invalid("type", f"type: wanted EXPRESSION or GROUP, got {kind!r}.")
    return kind == "GROUP"


def _statements(given: Mapping[str, object]) -> tuple[Statement, ...]:
    return tuple(
        Statement(
            answers.text(row, "name"),
            _words(row, "values"),
            answers.text(row, "namespace", NAME_FORMATS["Unspecified"]),
        )
        for row in _rows(given, "attributeStatements")
        if not _is_group(row)
    )


def _group_statements(given: Mapping[str, object]) -> tuple[GroupStatement, ...]:
    return tuple(
        GroupStatement(
            answers.text(row, "name"),
            answers.text(row, "filterType", "REGEX"),
            answers.text(row, "filterValue", ".*"),
            answers.text(row, "namespace", NAME_FORMATS["Unspecified"]),
        )
        for row in _rows(given, "attributeStatements")
        if _is_group(row)
    )


def _x5c(given: Mapping[str, object], name: str) -> tuple[str, ...]:
    return tuple(pem for text in _words(given, "x5c") for pem in acts.certificates_in(name, text))


def _encryption(given: Mapping[str, object], now: SignOn) -> Encryption:
    transport = answers.text(given, "keyTransportAlgorithm", "RSA_OAEP")
    if transport != "RSA_OAEP":
        raise refusal.invalid("keyTransportAlgorithm", f"keyTransportAlgorithm: wanted RSA_OAEP, got {transport!r}.")
    certificates = _x5c(given, "assertionEncryption")
    certificate = (certificates[0] if certificates else "") if "x5c" in given else now.encryption.certificate
    return replace(
        now.encryption,
        enabled=answers.switch(given, "enabled", default=now.encryption.enabled),
        algorithm=_word(given, "encryptionAlgorithm", now.encryption.algorithm),
        certificate=certificate,
    )


def _slo(given: Mapping[str, object], now: SingleLogout) -> SingleLogout:
    return SingleLogout(
        answers.switch(given, "enabled", default=now.enabled),
        _word(given, "logoutUrl", now.logout_url),
        _word(given, "issuer", now.issuer),
    )


def _participation(given: Mapping[str, object], now: Participation) -> Participation:
    return Participation(
        answers.switch(given, "enabled", default=now.enabled),
        _word(given, "logoutRequestUrl", now.logout_request_url),
        _word(given, "bindingType", now.binding),
        answers.switch(given, "sessionIndexRequired", default=now.session_index),
    )


def _universal_logout(given: Mapping[str, object], now: UniversalLogout) -> UniversalLogout:
    status = answers.text(given, "status", "ENABLED" if now.enabled else "DISABLED")
    if status not in {"ENABLED", "DISABLED"}:
        raise refusal.invalid("status", f"status: wanted ENABLED or DISABLED, got {status!r}.")
    return UniversalLogout(
        status == "ENABLED",
        _word(given, "endpoint", now.endpoint),
        _word(given, "subjectFormat", now.subject_format),
    )


async def list_keys(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        found = acts.all_keys(tx, find.app(tx, request.path_params["app"]))
    return answers.JsonAnswer([key(it) for it in found])


async def show_key(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        found = acts.all_keys(tx, find.app(tx, request.path_params["app"]))
    for it in found:
        if it.kid == request.path_params["kid"]:
            return answers.JsonAnswer(key(it))
    raise refusal.not_found("JsonWebKey", request.path_params["kid"])


async def generate_key(request: Request) -> Response:
    """Make a further key; it signs once the app is saved with its id under credentials.signing.kid."""
    years = answers.number(request, "validityYears", keys.YEARS, 10)
    if years < 2:
        raise refusal.invalid("validityYears", f"validityYears: wanted 2 to 10, got {years}.")
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        acts.all_keys(tx, app)
        made = acts.generate(tx, app, years)
    return answers.JsonAnswer(key(made), 201)


async def show_metadata(request: Request) -> Response:
    """Return the metadata with one key (`kid`), or with those that are published."""
    kid = request.query_params.get("kid", "")
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        shown = [it for it in acts.all_keys(tx, app) if it.kid == kid] if kid else acts.published(tx, app)
    if not shown:
        raise refusal.not_found("JsonWebKey", kid)
    base = str(request.base_url.replace(path="/"))
    return Response(acts.metadata_of(app, base, shown), media_type="application/xml")


ROUTES = [
    Route("/apps/{app}/credentials/keys", list_keys, methods=["GET"]),
    Route("/apps/{app}/credentials/keys/generate", generate_key, methods=["POST"]),
    Route("/apps/{app}/credentials/keys/{kid}", show_key, methods=["GET"]),
    Route("/apps/{app}/sso/saml/metadata", show_metadata, methods=["GET"]),
]
