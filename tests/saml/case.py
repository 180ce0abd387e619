"""One attack: a document, the endpoint that it is posted to, and the check that must refuse it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.saml.factory import Node, expected, write
from tests.saml.keys import NOW
from vestibule.saml.response import Expected

Cases = dict[str, "Case"]

ONE_ASSERTION: Final = "one assertion, directly in the response"
IDS: Final = "unique ids"
PLACE: Final = "a signature directly in the response or the assertion"
SHAPE: Final = "a signature of one SignedInfo"
OWN: Final = "a signature over the element that holds it"
BY_KEY: Final = "a signature by one of the certificates"
SOME: Final = "a signature over the response or the assertion"
STRONG: Final = "a signature with RSA or ECDSA and SHA-256 or better"
TRANSFORMS: Final = "the transforms enveloped-signature and exclusive canonicalisation"
NO_COMMENTS: Final = "XML without comments and processing instructions"
WELL_FORMED: Final = "a well-formed XML document"
NO_DTD: Final = "XML without a DTD"
RESPONSE: Final = "a SAML 2.0 Response"


@dataclass(frozen=True)
class Case:
    """`check` is the name of the first check that fails, `wanted` the beginning of its sentence."""

    check: str
    wanted: str
    made: Callable[[], Node | bytes]
    against: Callable[[], Expected] = field(default=expected)
    now: int = NOW

    def document(self) -> bytes:
        """The bytes that are posted."""
        made = self.made()
        return made if isinstance(made, bytes) else write(made)
