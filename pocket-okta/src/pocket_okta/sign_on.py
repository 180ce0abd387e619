"""Sign On of an application: what an administrator sets on that tab, as values.

The rule: no I/O, no clock, no XML. A setting has the default that Okta gives it; an address and an audience are all
that an application needs before people can sign in. Source: Okta wire facts 7.1, 7.3, 7.5, 7.6.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pocket_okta import refusal
from pocket_okta.attributes import PERSON_ATTRIBUTES

# Okta's word on the screen -> the URI in the assertion, in the order of Okta's list.
NAME_ID_FORMATS: Mapping[str, str] = {
    "Unspecified": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    "EmailAddress": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "x509SubjectName": "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName",
    "Persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "Transient": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
}
# "Application username": which value the NameID carries. The first is the one that provisioning sends as userName.
NAME_ID_VALUES: Mapping[str, str] = {
    "user.userName": "As it is provisioned",
    "user.login": "Okta username",
    "user.email": "Email",
    "user.id": "Okta user id",
}
NAME_FORMATS: Mapping[str, str] = {
    "Unspecified": "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified",
    "URI Reference": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri",
    "Basic": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
}
FILTERS: Mapping[str, str] = {
    "STARTS_WITH": "Starts with",
    "EQUALS": "Equals",
    "CONTAINS": "Contains",
    "REGEX": "Matches regex",
}
ENCRYPTIONS: Mapping[str, str] = {
    "AES256_CBC": "AES256-CBC",
    "AES128_CBC": "AES128-CBC",
    "AES256_GCM": "AES256-GCM",
    "AES128_GCM": "AES128-GCM",
}
BINDINGS = ("POST", "REDIRECT")
SUBJECT_FORMATS: Mapping[str, str] = {"EMAIL": "Email Identifier", "ISS_SUB": "Issuer and Subject Identifier"}
LONGEST = 2000  # characters of an address or an expression

_CONSTANT = re.compile(r'"[^"]*"\Z')
_SOURCE = re.compile(r"(user|appuser)\.([A-Za-z]\w{0,63})\Z")


@dataclass(frozen=True, slots=True)
class Statement:
    """An attribute statement: a name and the expressions that give its values."""

    name: str
    sources: tuple[str, ...]
    name_format: str = NAME_FORMATS["Unspecified"]


@dataclass(frozen=True, slots=True)
class GroupStatement:
    """A group attribute statement: a name, and which of the person's groups it tells."""

    name: str
    filter: str
    value: str
    name_format: str = NAME_FORMATS["Unspecified"]

    def keeps(self, group: str) -> bool:
        """Tell whether a group of this name passes the filter. A regular expression must match the whole name."""
        match self.filter:
            case "STARTS_WITH":
                return group.startswith(self.value)
            case "EQUALS":
                return group == self.value
            case "CONTAINS":
                return self.value in group
            case _:
                return re.fullmatch(self.value, group) is not None


@dataclass(frozen=True, slots=True)
class Encryption:
    """Assertion encryption. `certificate` is the SP's, in PEM; without one that of its signature is used."""

    enabled: bool = False
    algorithm: str = "AES256_CBC"
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class SingleLogout:
    """Allow application to initiate Single Logout. Its requests must be signed and come from `issuer`."""

    enabled: bool = False
    logout_url: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Participation:
    """User logs out of other logout-initiating apps or Okta: the application is told by a LogoutRequest."""

    enabled: bool = False
    logout_request_url: str = ""
    binding: str = "POST"
    session_index: bool = True


@dataclass(frozen=True, slots=True)
class UniversalLogout:
    """Okta system or admin initiates logout: the application's global token revocation endpoint."""

    enabled: bool = False
    endpoint: str = ""
    subject_format: str = "EMAIL"


@dataclass(frozen=True, slots=True)
class SignOn:
    """The Sign On tab. `sp_certificates` are in PEM; while the SP rolls its key over there are two."""

    acs_url: str = ""
    audience: str = ""
    recipient: str = ""
    destination: str = ""
    other_acs_urls: tuple[str, ...] = ()
    default_relay_state: str = ""
    name_id_format: str = NAME_ID_FORMATS["Unspecified"]
    name_id_source: str = "user.userName"
    response_signed: bool = True
    assertion_signed: bool = True
    honor_force_authn: bool = True
    statements: tuple[Statement, ...] = ()
    group_statements: tuple[GroupStatement, ...] = ()
    encryption: Encryption = field(default_factory=Encryption)
    sp_certificates: tuple[str, ...] = ()
    requests_signed: bool = False
    slo: SingleLogout = field(default_factory=SingleLogout)
    participation: Participation = field(default_factory=Participation)
    universal_logout: UniversalLogout = field(default_factory=UniversalLogout)
    publish_all_keys: bool = False

    @property
    def ready(self) -> bool:
        """Whether people can sign in: the two settings without a default are there."""
        return bool(self.acs_url and self.audience)

    @property
    def encryption_certificate(self) -> str:
        return self.encryption.certificate or (self.sp_certificates[0] if self.sp_certificates else "")

    @property
    def logout_request_url(self) -> str:
        return self.participation.logout_request_url or self.slo.logout_url


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair that signs an application's assertions. `certificate` and `private_key` are in PEM."""

    kid: str
    app_id: str
    certificate: str
    private_key: str = field(repr=False)
    created: str
    expires: str
    active: bool


def check(it: SignOn) -> SignOn:
    """Return checked settings; refuses what cannot work, naming the field in Okta's API."""
    for name, label, url in (
        ("ssoAcsUrl", "Single sign-on URL", it.acs_url),
        ("recipient", "Recipient URL", it.recipient),
        ("destination", "Destination URL", it.destination),
        ("logoutUrl", "Single Logout URL", it.slo.logout_url),
        ("logoutRequestUrl", "Logout request URL", it.participation.logout_request_url),
        ("universalLogoutEndpoint", "Logout endpoint URL", it.universal_logout.endpoint),
        *(("acsEndpoints", "Other Requestable SSO URLs", url) for url in it.other_acs_urls),
    ):
        check_url(name, label, url)
    for name, label, text in (
        ("audience", "Audience URI", it.audience),
        ("defaultRelayState", "Default RelayState", it.default_relay_state),
        ("issuer", "SP Issuer", it.slo.issuer),
    ):
        if len(text) > LONGEST or re.search(r"[\x00-\x1f]", text):
            raise refusal.invalid(name, f"{label}: wanted at most {LONGEST} printable characters, got {text[:80]!r}.")
    _one_of("subjectNameIdFormat", it.name_id_format, tuple(NAME_ID_FORMATS.values()))
    check_source("subjectNameIdTemplate", it.name_id_source)
    _check_statements(it)
    _check_encryption(it)
    _check_logout(it)
    if it.requests_signed and not it.sp_certificates:
        raise refusal.invalid(
            "spCertificate", "Signature Certificate: wanted the certificate that SAML requests are signed with."
        )
    return it


def check_url(name: str, label: str, url: str) -> None:
    """Refuse a URL that is not http or https; blank means that none is set."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        named = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or len(url) > LONGEST or re.search(r"[\s\x00-\x1f]", url):
        raise refusal.invalid(
            name, f"{label}: wanted an http or https address such as https://app.north.example/saml/acs, got {url!r}."
        )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise refusal.invalid(name, f"{name}: wanted one of {', '.join(known)}; got {value!r}.")


def check_source(name: str, source: str) -> None:
    """Refuse an expression other than: user.<attribute>, user.id, user.userName, appuser.<attribute>, "text"."""
    found = _SOURCE.match(source)
    known = found and (found[1] == "appuser" or found[2] in {"id", "userName", *PERSON_ATTRIBUTES})
    if len(source) > LONGEST or not (known or _CONSTANT.match(source)):
        raise refusal.invalid(
            name,
            f"{name}: wanted user.<attribute>, user.id, user.userName, appuser.<attribute> or a constant "
            f'"text"; got {source!r}.',
        )


def _check_statements(it: SignOn) -> None:
    names = [*(row.name for row in it.statements), *(row.name for row in it.group_statements)]
    for name in names:
        if not 1 <= len(name) <= 512 or names.count(name) > 1:
            raise refusal.invalid(
                "attributeStatements",
                f"Attribute Statements: wanted a name that no other statement has, got {name!r}.",
            )
    for row in it.statements:
        _one_of("namespace", row.name_format, tuple(NAME_FORMATS.values()))
        if not row.sources:
            raise refusal.invalid("attributeStatements", f"Attribute Statements: {row.name!r} has no value.")
        for source in row.sources:
            check_source("attributeStatements", source)
    for group in it.group_statements:
        _one_of("namespace", group.name_format, tuple(NAME_FORMATS.values()))
        _one_of("filterType", group.filter, tuple(FILTERS))
        _check_pattern(group)


def _check_pattern(group: GroupStatement) -> None:
    if not 1 <= len(group.value) <= 200:
        raise refusal.invalid("filterValue", f"Group Attribute Statements: {group.name!r} has no filter value.")
    if group.filter == "REGEX":
        try:
            re.compile(group.value)
        except re.error as problem:
            raise refusal.invalid(
                "filterValue", f"Group Attribute Statements: {group.value!r} is no regular expression: {problem}."
            ) from None


def _check_encryption(it: SignOn) -> None:
    _one_of("encryptionAlgorithm", it.encryption.algorithm, tuple(ENCRYPTIONS))
    if it.encryption.enabled and not it.encryption_certificate:
        raise refusal.invalid(
            "assertionEncryption", "Encryption Certificate: wanted the application's certificate to encrypt for."
        )


def _check_logout(it: SignOn) -> None:
    _one_of("bindingType", it.participation.binding, BINDINGS)
    _one_of("subjectFormat", it.universal_logout.subject_format, tuple(SUBJECT_FORMATS))
    if it.slo.enabled and not (it.slo.logout_url and it.slo.issuer and it.sp_certificates):
        raise refusal.invalid(
            "slo",
            "Enable Single Logout: wanted a Single Logout URL, an SP Issuer and a Signature Certificate; Okta takes "
            "no unsigned logout request.",
        )
    if it.participation.enabled and not it.logout_request_url:
        raise refusal.invalid("logoutRequestUrl", "Logout request URL: The field cannot be left blank")
    if it.universal_logout.enabled and not it.universal_logout.endpoint:
        raise refusal.invalid("universalLogoutEndpoint", "Logout endpoint URL: The field cannot be left blank")


def evaluate(source: str, profile: Mapping[str, str], app_user: Mapping[str, object], own: Mapping[str, str]) -> str:
    """Return the value of a statement's expression for a person; blank when there is none.

    `profile` is the Okta profile, `app_user` the app's, `own` what is neither: id and userName.
    """
    if _CONSTANT.match(source):
        return source[1:-1]
    where, _, name = source.partition(".")
    if where == "appuser":
        value = app_user.get(name, "")
        return str(value).lower() if isinstance(value, bool) else str(value)
    return own.get(name) or profile.get(name, "")
