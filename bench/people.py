"""The invented people of the bench: what Okta sends about each of them, and which responses it accepts.

A conversation is a generator: it yields the next request as bytes, is sent the answer, and raises `WrongAnswer` when
the answer is not what Okta would accept. It knows SCIM and nothing of sockets; `bench.load` knows sockets and nothing
of SCIM. Shapes follow the Okta wire facts 1.2 (headers, filter encoding), 1.4 (look-up and create), 1.5 (PUT of what
GET returned, with the mapped attributes written over it and a fresh password) and 1.6 (PATCH without a path).
"""

import base64
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

FIND: Final = 0
CREATE: Final = 1
READ: Final = 2
UPDATE: Final = 3
DEACTIVATE: Final = 4
STEPS: Final = ("find", "create", "read", "update", "deactivate")

Request = tuple[int, bytes]
"""Which of STEPS this is, and the bytes to send."""
Answer = tuple[int, bytes]
"""Status and body."""
Conversation = Generator[Request, Answer, None]

GIVEN: Final = ("Ana", "Bram", "Chidi", "Dalia", "Emre", "Fumiko", "Goran", "Hedda", "Ines", "Jonas", "Keiko", "Lars")
FAMILY: Final = ("Reis", "Visser", "Okafor", "Haddad", "Yilmaz", "Mori", "Petrov", "Lindqvist", "Duarte")


class WrongAnswer(Exception):
    """The server's answer is one that Okta would not accept. The text says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Person:
    """Person number `number`; the same number is the same person in every run."""

    number: int
    given: str
    family: str
    user_name: str

    @classmethod
    def numbered(cls, number: int) -> "Person":
        given, family = GIVEN[number % len(GIVEN)], FAMILY[number % len(FAMILY)]
        return cls(number, given, family, f"{given.lower()}.{family.lower()}.{number:07d}@north.example")

    def created(self) -> dict[str, Any]:
        """The body of Okta's POST (wire facts 1.4)."""
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": self.user_name,
            "name": {"givenName": self.given, "familyName": self.family},
            "emails": [{"primary": True, "value": self.user_name, "type": "work"}],
            "displayName": f"{self.given} {self.family}",
            "locale": "en-US",
            "externalId": f"00u{self.number:017d}",
            "groups": [],
            "password": f"q8Zr{self.number:07d}Vd",
            "active": True,
        }

    def updated(self) -> dict[str, Any]:
        """The mapped attributes after a wedding: what Okta's PUT writes over the document it read (wire facts 1.5)."""
        family = f"{self.family}-Sato"
        return {
            **self.created(),
            "name": {"givenName": self.given, "familyName": family},
            "displayName": f"{self.given} {family}",
            "title": "Head of Tides",
            "password": f"w3Kt{self.number:07d}Xp",
        }


def show_basic(key: str, secret: str) -> str:
    """The Authorization header of HTTP Basic, as Okta sends Key and Secret (wire facts 1.2)."""
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Wire:
    """Okta's requests to one SCIM base URL, as bytes. `base_path` begins with a slash and ends without one."""

    host: str
    port: int
    base_path: str
    authorization: str
    _users: bytes = field(init=False)
    _reading: bytes = field(init=False)
    _writing: bytes = field(init=False)

    def __post_init__(self) -> None:
        common = (
            f" HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nUser-Agent: Okta SCIM Client 1.0.0\r\n"
            "Accept: application/scim+json\r\nAccept-Charset: utf-8\r\nAccept-Encoding: gzip,deflate\r\n"
            f"Authorization: {self.authorization}\r\n"
        )
        users = f" {self.base_path}/Users"
        writing = common + "Content-Type: application/scim+json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
        object.__setattr__(self, "_users", users.encode())
        object.__setattr__(self, "_reading", (common + "\r\n").encode())
        object.__setattr__(self, "_writing", writing.encode())

    def find(self, user_name: str) -> bytes:
        quoted = user_name.replace("@", "%40").encode()
        query = b"?filter=userName%20eq%20%22" + quoted + b"%22&startIndex=1&count=100"
        return b"GET" + self._users + query + self._reading

    def read(self, id_: str) -> bytes:
        return b"GET" + self._users + b"/" + id_.encode() + self._reading

    def create(self, body: bytes) -> bytes:
        return b"POST" + self._users + self._writing % len(body) + body

    def update(self, id_: str, body: bytes) -> bytes:
        return b"PUT" + self._users + b"/" + id_.encode() + self._writing % len(body) + body

    def deactivate(self, id_: str) -> bytes:
        body = (
            b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],'
            b'"Operations":[{"op":"replace","value":{"active":false}}]}'
        )
        return b"PATCH" + self._users + b"/" + id_.encode() + self._writing % len(body) + body


def _decode(step: int, wanted: int, answer: Answer) -> dict[str, Any]:
    status, body = answer
    if status != wanted:
        raise WrongAnswer(f"{STEPS[step]}: wanted {wanted}, got {status} {body[:300]!r}")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        raise WrongAnswer(f"{STEPS[step]}: wanted JSON, got {body[:300]!r}") from wrong
    if not isinstance(document, dict):
        raise WrongAnswer(f"{STEPS[step]}: wanted a JSON object, got {body[:300]!r}")
    return document


def _expect(step: int, document: dict[str, Any], **facts: object) -> None:
    """Compare top-level attributes of the answer; a password must never come back."""
    for name, wanted in facts.items():
        if document.get(name) != wanted:
            raise WrongAnswer(f"{STEPS[step]}: wanted {name} = {wanted!r}, got {document.get(name)!r}")
    if "password" in document:
        raise WrongAnswer(f"{STEPS[step]}: the answer holds a password")


def _expect_person(step: int, document: dict[str, Any], said: dict[str, Any]) -> None:
    _expect(step, document, userName=said["userName"], displayName=said["displayName"])
    name = document.get("name")
    if not isinstance(name, dict) or name.get("familyName") != said["name"]["familyName"]:
        raise WrongAnswer(f"{STEPS[step]}: wanted familyName {said['name']['familyName']!r}, got {name!r}")


def live(wire: Wire, number: int, ids: dict[int, str]) -> Conversation:
    """Okta's cycle for one person: look up, create, read, update, deactivate. Notes the id for `check`.

    A PATCH may be answered with 204 and no body: Okta takes both (wire facts 1.6), and `check` looks at what became
    of it.

    Raises:
        WrongAnswer: at the first answer that Okta would not accept.
    """
    person = Person.numbered(number)
    said = person.created()

    listing = _decode(FIND, 200, (yield FIND, wire.find(person.user_name)))
    _expect(FIND, listing, totalResults=0)
    if listing.get("Resources"):
        raise WrongAnswer(f"find: wanted nobody, got {listing['Resources']!r}")

    created = _decode(CREATE, 201, (yield CREATE, wire.create(orjson.dumps(said))))
    id_ = created.get("id")
    if not isinstance(id_, str) or not id_:
        raise WrongAnswer(f"create: wanted an id, got {id_!r}")
    _expect(CREATE, created, active=True)
    _expect_person(CREATE, created, said)

    document = _decode(READ, 200, (yield READ, wire.read(id_)))
    _expect(READ, document, id=id_, active=True)
    _expect_person(READ, document, said)

    said = person.updated()
    updated = _decode(UPDATE, 200, (yield UPDATE, wire.update(id_, orjson.dumps(document | said))))
    _expect(UPDATE, updated, id=id_, active=True, title=said["title"])
    _expect_person(UPDATE, updated, said)

    answer = yield DEACTIVATE, wire.deactivate(id_)
    if answer != (204, b""):
        off = _decode(DEACTIVATE, 200, answer)
        _expect(DEACTIVATE, off, id=id_, active=False)
        _expect_person(DEACTIVATE, off, said)
    ids[number] = id_


def check(wire: Wire, number: int, id_: str) -> Conversation:
    """Read a person again after `live`: updated, and off."""
    document = _decode(READ, 200, (yield READ, wire.read(id_)))
    _expect(READ, document, id=id_, active=False)
    _expect_person(READ, document, Person.numbered(number).updated())


def fill(wire: Wire, number: int, ids: dict[int, str]) -> Conversation:
    """Create one person and note the id under their number."""
    said = Person.numbered(number).created()
    created = _decode(CREATE, 201, (yield CREATE, wire.create(orjson.dumps(said))))
    _expect_person(CREATE, created, said)
    ids[number] = created["id"]


def read(wire: Wire, number: int, id_: str) -> Conversation:
    """GET one person who is there by id."""
    document = _decode(READ, 200, (yield READ, wire.read(id_)))
    _expect(READ, document, id=id_, userName=Person.numbered(number).user_name)


def find(wire: Wire, number: int, id_: str) -> Conversation:
    """Look up one person who is there by userName."""
    listing = _decode(FIND, 200, (yield FIND, wire.find(Person.numbered(number).user_name)))
    _expect(FIND, listing, totalResults=1)
    _expect(FIND, listing["Resources"][0], id=id_)
