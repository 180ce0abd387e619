"""`app sign-on`, `app metadata`, `app certificate`: the verbs for SAML. They are part of `app`."""

import json
from pathlib import Path
from typing import Any

import click

from pocket_okta.verbs import Remote, finish, reaching, remote, show

_NAME_ID_FORMATS = {
    "unspecified": "1.1:nameid-format:unspecified",
    "emailAddress": "1.1:nameid-format:emailAddress",
    "x509SubjectName": "1.1:nameid-format:X509SubjectName",
    "persistent": "2.0:nameid-format:persistent",
    "transient": "2.0:nameid-format:transient",
}
_FILTERS = {"starts": "STARTS_WITH", "equals": "EQUALS", "contains": "CONTAINS", "regex": "REGEX"}
_ENCRYPTIONS = ["AES256_CBC", "AES128_CBC", "AES256_GCM", "AES128_GCM", "none"]


def _statements(attributes: tuple[str, ...], groups: tuple[str, ...]) -> list[dict[str, object]]:
    """Read NAME=VALUE and NAME=FILTER:VALUE."""
    rows: list[dict[str, object]] = []
    for text in attributes:
        name, _, value = text.partition("=")
        if not value:
            raise click.BadParameter(f"wanted NAME=VALUE, got {text!r}", param_hint="--attribute")
        rows.append({"type": "EXPRESSION", "name": name, "values": [value]})
    for text in groups:
        name, _, rest = text.partition("=")
        kind, _, value = rest.partition(":")
        if kind not in _FILTERS or not value:
            wanted = "|".join(_FILTERS)
            raise click.BadParameter(f"wanted NAME={wanted}:VALUE, got {text!r}", param_hint="--group-attribute")
        rows.append({"type": "GROUP", "name": name, "filterType": _FILTERS[kind], "filterValue": value})
    return rows


def _certificate(file: Path) -> dict[str, list[str]]:
    return {"x5c": [file.read_text()]}


def _read_metadata(api: Remote, app_id: str, source: str) -> None:
    """Fill in from metadata: an address is fetched by the org, a file is read here."""
    if source.startswith(("http://", "https://")):
        body = {"url": source}
    else:
        try:
            body = {"xml": Path(source).read_text()}
        except (OSError, UnicodeDecodeError) as problem:
            raise click.ClickException(f"--sp-metadata: {source} cannot be read: {problem}.") from None
    api.call("POST", f"/pocket/v1/apps/{app_id}/sp-metadata", body)


def _sp_facts(api: Remote, app_id: str) -> dict[str, Any]:
    """Return what a service provider has to know of an app."""
    app = api.call("GET", f"/api/v1/apps/{app_id}")
    links = app["_links"]
    return {
        "id": app["id"],
        "issuer": app["_embedded"]["pocket"]["issuer"],
        "metadata_url": links["metadata"]["href"],
        "sso_url": links["appLinks"][0]["href"],
        "sign_on": app["settings"]["signOn"],
        "universal_logout": app["universalLogout"],
    }


@click.command("sign-on")
@click.argument("name", metavar="APP")
@click.option(
    "--sp-metadata", default="", help="File or address of the service provider's metadata; fills in the rest."
)
@click.option("--acs-url", help="Single sign-on URL.")
@click.option("--audience", help="Audience URI (SP Entity ID).")
@click.option("--relay-state", help="Default RelayState.")
@click.option("--name-id-format", type=click.Choice(list(_NAME_ID_FORMATS)), help="Name ID format.")
@click.option(
    "--name-id", metavar="EXPRESSION", help="Application username: such as user.userName, user.email, user.id."
)
@click.option("--response-signed/--response-unsigned", default=None, help="Response.")
@click.option("--assertion-signed/--assertion-unsigned", default=None, help="Assertion Signature.")
@click.option("--encryption", type=click.Choice(_ENCRYPTIONS), help="Assertion Encryption.")
@click.option(
    "--encryption-certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM file of the SP."
)
@click.option(
    "--sp-certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Signature Certificate, PEM."
)
@click.option("--validate-requests/--no-validate-requests", default=None, help="Validate SAML requests.")
@click.option("--force-authn/--no-force-authn", default=None, help="Honor Force Authentication.")
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=EXPRESSION", help="Attribute statement.")
@click.option("--group-attribute", "groups", multiple=True, metavar="NAME=FILTER:VALUE", help="Group statement.")
@click.option("--slo-url", help="Single Logout URL: both ways of single logout; blank switches them off.")
@click.option("--slo-issuer", help="SP Issuer of logout requests; the audience, if not given.")
@click.option("--universal-logout", help="Logout endpoint URL of Universal Logout; blank switches it off.")
@click.option("--subject-format", type=click.Choice(["email", "iss_sub"]), help="Of Universal Logout.")
@reaching
def set_sign_on(
    name: str,
    sp_metadata: str,
    slo_url: str | None,
    slo_issuer: str | None,
    universal_logout: str | None,
    subject_format: str | None,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """The Sign On tab of APP: set what is named, and print what a service provider has to know."""
    api = remote(url, token, data)
    app_id = api.app_id(name)
    if sp_metadata:
        _read_metadata(api, app_id, sp_metadata)
    sign_on = _sign_on_body(given)
    if slo_url is not None:
        issuer = slo_issuer or given["audience"] or _sp_facts(api, app_id)["sign_on"]["audience"]
        sign_on["slo"] = {"enabled": bool(slo_url), "logoutUrl": slo_url, "issuer": issuer}
        sign_on["participateSlo"] = {"enabled": bool(slo_url), "logoutRequestUrl": slo_url}
    body: dict[str, object] = {"settings": {"signOn": sign_on}} if sign_on else {}
    if universal_logout is not None or subject_format:
        logout: dict[str, object] = {"subjectFormat": subject_format.upper()} if subject_format else {}
        if universal_logout is not None:
            logout |= {"status": "ENABLED" if universal_logout else "DISABLED", "endpoint": universal_logout}
        body["universalLogout"] = logout
    if body:
        api.call("PUT", f"/api/v1/apps/{app_id}", body)
    facts = _sp_facts(api, app_id)
    sentence = f"Issuer: {facts['issuer']}\nMetadata: {facts['metadata_url']}\nSign on URL: {facts['sso_url']}"
    finish(facts, as_json, sentence)


def _sign_on_body(given: dict[str, Any]) -> dict[str, object]:
    """Return what the options say as `settings.signOn`; what was not named is absent."""
    named = {
        "ssoAcsUrl": given["acs_url"],
        "audience": given["audience"],
        "defaultRelayState": given["relay_state"],
        "responseSigned": given["response_signed"],
        "assertionSigned": given["assertion_signed"],
        "samlSignedRequestEnabled": given["validate_requests"],
        "honorForceAuthn": given["force_authn"],
        "subjectNameIdTemplate": given["name_id"],
    }
    body = {key: value for key, value in named.items() if value is not None}
    if given["name_id_format"]:
        body["subjectNameIdFormat"] = f"urn:oasis:names:tc:SAML:{_NAME_ID_FORMATS[given['name_id_format']]}"
    if given["sp_certificate"]:
        body["spCertificate"] = _certificate(given["sp_certificate"])
    encryption: dict[str, object] = {}
    if given["encryption_certificate"]:
        encryption |= _certificate(given["encryption_certificate"])
    if given["encryption"]:
        chosen = given["encryption"] != "none"
        encryption |= {"enabled": chosen, **({"encryptionAlgorithm": given["encryption"]} if chosen else {})}
    if encryption:
        body["assertionEncryption"] = encryption
    if given["attributes"] or given["groups"]:
        body["attributeStatements"] = _statements(given["attributes"], given["groups"])
    return body


@click.command("metadata")
@click.argument("name", metavar="APP")
@reaching
def print_metadata(name: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """Print the SAML metadata of APP."""
    api = remote(url, token, data)
    text = api.text(f"/api/v1/apps/{api.app_id(name)}/sso/saml/metadata")
    click.echo(json.dumps({"xml": text}) if as_json else text)


@click.command("certificate")
@click.argument("name", metavar="APP")
@click.option("--generate", is_flag=True, help="Generate new certificate; it signs nothing yet.")
@click.option("--activate", metavar="KID", default="", help="Sign with this one; NEWEST is the newest.")
@click.option("--publish", type=click.Choice(["active", "all"]), help="What metadata publishes.")
@reaching
def certificates(
    name: str,
    generate: bool,
    activate: str,
    publish: str | None,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
) -> None:
    """List the signing certificates of APP, after making and activating what is named."""
    api = remote(url, token, data)
    path = f"/api/v1/apps/{api.app_id(name)}"
    if generate:
        api.call("POST", f"{path}/credentials/keys/generate")
    if activate:
        newest = api.call("GET", f"{path}/credentials/keys")[-1]["kid"]
        kid = newest if activate == "NEWEST" else activate
        api.call("PUT", path, {"credentials": {"signing": {"kid": kid}}})
    if publish:
        api.call("PUT", path, {"settings": {"pocket": {"publishAllCertificates": publish == "all"}}})
    found = api.call("GET", f"{path}/credentials/keys")
    if as_json:
        click.echo(json.dumps(found))
        return
    columns = {
        "KID": lambda row: row["kid"],
        "STATUS": lambda row: "ACTIVE" if row["pocket"]["active"] else "INACTIVE",
        "EXPIRES": lambda row: row["expiresAt"][:10],
        "SHA-256": lambda row: row["pocket"]["fingerprint"],
    }
    show(found, columns)
