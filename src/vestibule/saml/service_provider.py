"""Our side of a SAML connection: the URLs, metadata (SAML 2.0 Metadata §2.4.4) and keys for one identity provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from vestibule.saml.signature import SigningKey
from vestibule.saml.xml import DS, MD, SAMLP, Element, build, serialise

_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:"
_YEARS = 10


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """Our URLs for one identity provider. They are entered there once and never change."""

    base: str
    """`https://…/saml/{tenant}/{identity provider}`, which is also the entity ID."""

    @property
    def entity_id(self) -> str:
        """Our entity ID (audience URI)."""
        return self.base

    @property
    def acs_url(self) -> str:
        """The assertion consumer service: where Responses are posted (Okta's Single sign-on URL)."""
        return f"{self.base}/acs"

    @property
    def metadata_url(self) -> str:
        """Where our metadata is."""
        return f"{self.base}/metadata"

    @property
    def login_url(self) -> str:
        """Where people begin a sign-in."""
        return f"{self.base}/login"

    @property
    def logout_url(self) -> str:
        """The Single Logout URL, for requests and responses."""
        return f"{self.base}/logout"

    @property
    def revocation_url(self) -> str:
        """The global token revocation endpoint, for Okta's Universal Logout."""
        return f"{self.base}/global-token-revocation"


def service_provider_metadata(provider: ServiceProvider, certificates: Sequence[str], *, signs: bool) -> bytes:
    """Returns our metadata as XML.

    `certificates` are in PEM. All of them are listed for signing and encryption, so that a key can be replaced with
    overlap.
    """
    keys = [_key(use, certificate) for certificate in certificates for use in ("signing", "encryption")]
    logout = [
        build(MD, "SingleLogoutService", {"Binding": _BINDING + kind, "Location": provider.logout_url})
        for kind in ("HTTP-Redirect", "HTTP-POST")
    ]
    formats = [build(MD, "NameIDFormat", {}, "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified")]
    where = {"Binding": _BINDING + "HTTP-POST", "Location": provider.acs_url, "index": "0", "isDefault": "true"}
    descriptor = build(
        MD,
        "SPSSODescriptor",
        {
            "AuthnRequestsSigned": "true" if signs else "false",
            "WantAssertionsSigned": "true",
            "protocolSupportEnumeration": SAMLP,
        },
        [*keys, *logout, *formats, build(MD, "AssertionConsumerService", where)],
    )
    return serialise(build(MD, "EntityDescriptor", {"entityID": provider.entity_id}, [descriptor]))


def _key(use: str, certificate: str) -> Element:
    body = "".join(line for line in certificate.splitlines() if "CERTIFICATE" not in line)
    data = build(DS, "X509Data", {}, [build(DS, "X509Certificate", {}, body)])
    return build(MD, "KeyDescriptor", {"use": use}, [build(DS, "KeyInfo", {}, [data])])


def make_signing_key(name: str, now: int) -> SigningKey:
    """Returns a new RSA key of 3072 bits with a self-signed certificate. Takes some 100 ms: call it in a thread."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    begins = datetime.fromtimestamp(now / 1000, UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SigningKey(private, certificate.public_bytes(Encoding.PEM).decode())
