"""A small SAML service provider for the tests: it sends requests, and reads responses with its own tools.

The rule: independent of the code under test. Signatures are verified by signxml against the certificate of the
metadata, and only what was signed is read; encryption is undone here with `cryptography`.
"""

import base64
import datetime
import uuid
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier
from tests.pocket_okta.running import App

NS = {
    "p": "urn:oasis:names:tc:SAML:2.0:protocol",
    "a": "urn:oasis:names:tc:SAML:2.0:assertion",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
}
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
ACS = "https://app.north.example/saml/acs"
AUDIENCE = "https://app.north.example/saml"
SLO = "https://app.north.example/saml/slo"

Element = Any


def key_pair() -> tuple[rsa.RSAPrivateKey, str]:
    """Return a private key and a certificate of it in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app.north.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM).decode()


def x5c(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def instant(seconds: int = 0) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


PAIR = key_pair()


@dataclass
class Read:
    """What a service provider read from a Response: verified, and decrypted if needed."""

    response: Element
    assertion: Element

    def text(self, path: str) -> str:
        return str(self.assertion.findtext(path, namespaces=NS))

    def get(self, path: str, name: str) -> str | None:
        found = self.assertion.find(path, NS)
        value: str | None = found.get(name)
        return value

    @property
    def name_id(self) -> str:
        return self.text("a:Subject/a:NameID")

    @property
    def session_index(self) -> str:
        return str(self.get("a:AuthnStatement", "SessionIndex"))

    @property
    def attributes(self) -> dict[str, list[str]]:
        found = self.assertion.findall("a:AttributeStatement/a:Attribute", NS)
        return {it.get("Name"): [value.text for value in it.findall("a:AttributeValue", NS)] for it in found}


@dataclass
class Provider:
    """A service provider that is configured at one application of the org."""

    app: App
    acs: str = ACS
    audience: str = AUDIENCE
    key: rsa.RSAPrivateKey = field(default_factory=lambda: PAIR[0])
    certificate: str = field(default_factory=lambda: PAIR[1])

    def set(self, **sign_on: Any) -> dict[str, Any]:
        """Change settings.signOn of the application; returns them."""
        saved = self.app.okta.call("PUT", self.app.path, {"settings": {"signOn": sign_on}})
        settings: dict[str, Any] = saved["settings"]["signOn"]
        return settings

    def connect(self, **more: Any) -> "Provider":
        self.set(ssoAcsUrl=self.acs, audience=self.audience, **more)
        return self

    @property
    def made(self) -> dict[str, Any]:
        found: dict[str, Any] = self.app.okta.call("GET", self.app.path)
        return found

    @property
    def external_key(self) -> str:
        return str(self.made["_embedded"]["pocket"]["externalKey"])

    @property
    def metadata(self) -> Element:
        """Returns the identity provider's public metadata."""
        answer = self.app.okta.client.get(f"/app/{self.external_key}/sso/saml/metadata", headers={"Authorization": ""})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/xml")
        return etree.fromstring(answer.content)

    def certificates(self) -> list[str]:
        found = self.metadata.findall(".//ds:X509Certificate", NS)
        return ["".join((it.text or "").split()) for it in found]

    def endpoint(self, service: str, binding: str) -> str:
        (found,) = [
            str(it.get("Location"))
            for it in self.metadata.findall(f".//md:{service}", NS)
            if it.get("Binding").endswith(binding)
        ]
        return found

    # Asking

    def authn_request(self, **changes: str) -> tuple[str, bytes]:
        """Return the ID and the text of an AuthnRequest; changes are attributes, and `Issuer`."""
        request_id = f"r{uuid.uuid4().hex}"
        issuer = changes.pop("Issuer", self.audience)
        policy = changes.pop("NameIDPolicy", "")
        attributes = {
            "ID": request_id,
            "Version": "2.0",
            "IssueInstant": instant(),
            "AssertionConsumerServiceURL": self.acs,
            "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
            **changes,
        }
        root = etree.Element(f"{{{NS['p']}}}AuthnRequest", attributes, nsmap={"p": NS["p"], "a": NS["a"]})
        etree.SubElement(root, f"{{{NS['a']}}}Issuer").text = issuer
        if policy:
            etree.SubElement(root, f"{{{NS['p']}}}NameIDPolicy", {"Format": policy})
        return request_id, etree.tostring(root)

    def logout_request(self, name_id: str, session_index: str = "", **changes: str) -> tuple[str, bytes]:
        request_id = f"r{uuid.uuid4().hex}"
        issuer = changes.pop("Issuer", self.audience)
        attributes = {"ID": request_id, "Version": "2.0", "IssueInstant": instant(), **changes}
        root = etree.Element(f"{{{NS['p']}}}LogoutRequest", attributes, nsmap={"p": NS["p"], "a": NS["a"]})
        etree.SubElement(root, f"{{{NS['a']}}}Issuer").text = issuer
        etree.SubElement(root, f"{{{NS['a']}}}NameID").text = name_id
        if session_index:
            etree.SubElement(root, f"{{{NS['p']}}}SessionIndex").text = session_index
        return request_id, etree.tostring(root)

    def logout_response(self, in_response_to: str, status: str = SUCCESS) -> bytes:
        attributes = {
            "ID": f"r{uuid.uuid4().hex}",
            "Version": "2.0",
            "IssueInstant": instant(),
            "InResponseTo": in_response_to,
        }
        root = etree.Element(
            f"{{{NS['p']}}}LogoutResponse",
            attributes,
            nsmap={"p": NS["p"], "a": NS["a"]},
        )
        etree.SubElement(root, f"{{{NS['a']}}}Issuer").text = self.audience
        inside = etree.SubElement(root, f"{{{NS['p']}}}Status")
        etree.SubElement(inside, f"{{{NS['p']}}}StatusCode", {"Value": status})
        return etree.tostring(root)

    def signed(self, message: bytes, key: rsa.RSAPrivateKey | None = None) -> bytes:
        """Return a message with an enveloped signature."""
        root = etree.fromstring(message)
        signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        done = signer.sign(root, key=key or self.key, cert=self.certificate, reference_uri=f"#{root.get('ID')}")
        return etree.tostring(done)

    def redirect(
        self, to: str, message: bytes, relay_state: str = "", *, sign: bool = False, parameter: str = "SAMLRequest"
    ) -> str:
        """Return the address that carries a message by HTTP-Redirect."""
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        query = {parameter: base64.b64encode(deflater.compress(message) + deflater.flush()).decode()}
        if relay_state:
            query["RelayState"] = relay_state
        if not sign:
            return f"{to}?{urlencode(query)}"
        text = urlencode({**query, "SigAlg": RSA_SHA256})
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{to}?{text}&{urlencode({'Signature': base64.b64encode(signature).decode()})}"

    # Reading

    def read(self, value: str, *, response: bool = True, assertion: bool = True) -> Read:
        """Return the content of a SAMLResponse after verifying the expected signatures."""
        root = etree.fromstring(base64.b64decode(value))
        assert (root.find("ds:Signature", NS) is not None) == response
        if response:
            root = self.verified(root)
        encrypted = root.find("a:EncryptedAssertion", NS)
        inside = self.decrypted(encrypted) if encrypted is not None else root.find("a:Assertion", NS)
        assert inside is not None
        assert (inside.find("ds:Signature", NS) is not None) == assertion
        if assertion:
            inside = self.verified(etree.fromstring(etree.tostring(inside)))
        return Read(root, inside)

    def verified(self, root: Element) -> Element:
        (certificate,) = self.certificates()
        pem = f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"
        config = SignatureConfiguration(location="./")
        result = XMLVerifier().verify(etree.tostring(root), x509_cert=pem, expect_config=config, id_attribute="ID")
        assert not isinstance(result, list)
        signed = result.signed_xml
        assert signed is not None
        assert signed.tag == root.tag
        assert signed.get("ID") == root.get("ID")
        return signed

    def decrypted(self, encrypted: Element) -> Element:
        """Undo XML Encryption: the key by RSA-OAEP with SHA-1, the data by AES-CBC or AES-GCM."""
        data = encrypted.find("xenc:EncryptedData", NS)
        method = data.find("xenc:EncryptionMethod", NS).get("Algorithm")
        key = data.find("ds:KeyInfo/xenc:EncryptedKey", NS)
        assert key.find("xenc:EncryptionMethod", NS).get("Algorithm").endswith("#rsa-oaep-mgf1p")
        wrapped = base64.b64decode(key.findtext("xenc:CipherData/xenc:CipherValue", namespaces=NS))
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
        secret = self.key.decrypt(wrapped, oaep)
        text = base64.b64decode(data.findtext("xenc:CipherData/xenc:CipherValue", namespaces=NS))
        assert len(secret) * 8 == int(method.split("#aes")[1].split("-")[0])
        if method.endswith("gcm"):
            return etree.fromstring(AESGCM(secret).decrypt(text[:12], text[12:], None))
        decryptor = Cipher(algorithms.AES(secret), modes.CBC(text[:16])).decryptor()
        padded = decryptor.update(text[16:]) + decryptor.finalize()
        return etree.fromstring(padded[: -padded[-1]])
