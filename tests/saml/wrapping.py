"""Signature wrapping attacks (XSW): the signed element stays for the verifier, a forged one is put where it is read.

The eight ways of Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be" (USENIX Security 2012), each tried
with the assertion signed, the response, both, and the assertion encrypted. Ways 1 and 2 wrap a response; where only the
assertion is signed, it is the assertion that is wrapped in the same manner.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.saml.case import IDS, ONE_ASSERTION, OWN, PLACE, SHAPE, Case, Cases
from tests.saml.factory import (
    DS,
    EVIL,
    SAMLP,
    WHO,
    Node,
    Said,
    clone,
    one,
    read,
    seal,
    sealed,
    sign,
    signed,
    tag,
    write,
)

Way = Callable[[Node, Node], Node]


def evil_twin(node: Node, name: str = "_evil-1") -> Node:
    """Returns a copy with another id and another person's name, still with the signature."""
    twin = read(write(node).replace(WHO.encode(), EVIL.encode()))
    twin.set("ID", name)
    return twin


def bare(node: Node) -> Node:
    """A copy without its own signature: what the signature was made over."""
    copy = clone(node)
    for found in copy.findall(tag("ds:Signature")):
        copy.remove(found)
    return copy


def _unsigned_twin(node: Node) -> Node:
    return bare(evil_twin(node))


def _way_1(node: Node) -> Node:
    """The evil one carries the signature, and the true one within it."""
    twin = evil_twin(node)
    one(twin, "ds:Signature").append(bare(node))
    return twin


def _way_2(node: Node) -> Node:
    """The evil one carries the signature, and the true one before it."""
    twin = evil_twin(node)
    one(twin, "ds:Signature").addprevious(bare(node))
    return twin


def _assertion_of(root: Node) -> Node:
    return one(root, "saml:Assertion")


def _way_3(root: Node) -> Node:
    """An evil assertion before the true one."""
    assertion = _assertion_of(root)
    assertion.addprevious(_unsigned_twin(assertion))
    return root


def _way_4(root: Node) -> Node:
    """The true assertion within an evil one."""
    assertion = _assertion_of(root)
    twin = _unsigned_twin(assertion)
    root.replace(assertion, twin)
    twin.append(assertion)
    return root


def _way_5(root: Node) -> Node:
    """The evil assertion carries the signature, the true one is at the end."""
    assertion = _assertion_of(root)
    root.replace(assertion, evil_twin(assertion))
    root.append(bare(assertion))
    return root


def _way_6(root: Node) -> Node:
    """The evil assertion carries the signature, and the true one within it."""
    assertion = _assertion_of(root)
    twin = evil_twin(assertion)
    root.replace(assertion, twin)
    found = twin.find(tag("ds:Signature"))
    (twin if found is None else found).append(bare(assertion))
    return root


def _way_7(root: Node) -> Node:
    """An evil assertion in Extensions, under the same id."""
    assertion = _assertion_of(root)
    extensions = read(f'<samlp:Extensions xmlns:samlp="{SAMLP}"/>')
    extensions.append(evil_twin(assertion, assertion.get("ID") or ""))
    one(root, "samlp:Status").addprevious(extensions)
    return root


def _way_8(root: Node) -> Node:
    """The true assertion in an Object of the evil one's signature."""
    assertion = _assertion_of(root)
    twin = evil_twin(assertion)
    root.replace(assertion, twin)
    holder = read(f'<ds:Object xmlns:ds="{DS}"/>')
    holder.append(bare(assertion))
    found = twin.find(tag("ds:Signature"))
    (twin if found is None else found).append(holder)
    return root


WHOLE: Final = {1: _way_1, 2: _way_2}
INNER: Final = {3: _way_3, 4: _way_4, 5: _way_5, 6: _way_6, 7: _way_7, 8: _way_8}


def _in_clear(way: int, what: str) -> Node:
    root = signed(what=what)
    if way in INNER:
        return INNER[way](root)
    if what != "assertion":
        return WHOLE[way](root)
    assertion = _assertion_of(root)
    root.replace(assertion, WHOLE[way](assertion))
    return root


def _sealed(way: int) -> Node:
    """The same with an encrypted assertion. The attacker encrypts what he likes: the certificate is in the metadata."""
    root = signed(what="assertion")
    assertion = _assertion_of(root)
    if way in {3, 7}:
        # The true one is encrypted, the evil one stands in the clear.
        twin = INNER[way](root)
        found = [each for each in twin.iter(tag("saml:Assertion")) if each.get("ID") == assertion.get("ID")]
        twin.replace(found[-1], seal(write(found[-1])))
        return twin
    if way in WHOLE:
        root.replace(assertion, seal(write(WHOLE[way](assertion))))
        return root
    wrapped = _assertion_of(INNER[way](root))
    root.replace(wrapped, seal(write(wrapped)))
    return root


def _sealed_whole(way: int) -> Node:
    """A signed response around an encrypted assertion, wrapped."""
    return WHOLE[way](sealed(what="response"))


def _second_evil(what: str, *, last: bool) -> Node:
    root = signed(what=what)
    assertion = _assertion_of(root)
    twin = _unsigned_twin(assertion)
    (assertion.addnext if last else assertion.addprevious)(twin)
    return root


def _nested(where: str) -> Node:
    """A true assertion within the evil one's Advice, or an evil one in an attribute's value of the true one."""
    root = signed(what="assertion")
    assertion = _assertion_of(root)
    twin = _unsigned_twin(assertion)
    root.replace(assertion, twin)
    holder = read(f'<{where} xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>')
    holder.append(assertion)
    one(twin, "saml:Conditions").addnext(holder)
    return root


def _response_in_response() -> Node:
    """The true response in the Extensions of an evil one that has no assertion of its own."""
    true = signed(what="response")
    evil = _unsigned_twin(true)
    evil.remove(_assertion_of(evil))
    holder = read(f'<samlp:Extensions xmlns:samlp="{SAMLP}"/>')
    holder.append(true)
    one(evil, "samlp:Status").addprevious(holder)
    return evil


def _empty_response_in_response() -> Node:
    inner = f'<samlp:Response xmlns:samlp="{SAMLP}" ID="_inner" Version="2.0"/>'
    return signed(Said(extensions=f"<samlp:Extensions>{inner}</samlp:Extensions>"))


def _signature_of(other: str) -> Node:
    """The signature of one element put into the other."""
    root = signed(what="assertion" if other == "response" else "response")
    found = one(root, "ds:Signature")
    (root if other == "response" else _assertion_of(root)).insert(1, found)
    return root


def _swapped() -> Node:
    """Two signatures, each in the other's place."""
    root = signed(what="both")
    assertion = _assertion_of(root)
    of_response, of_assertion = root.find(tag("ds:Signature")), assertion.find(tag("ds:Signature"))
    assert of_response is not None
    assert of_assertion is not None
    root.insert(1, of_assertion)
    assertion.insert(1, of_response)
    return root


def _stolen_id() -> Node:
    """The evil assertion has the true one's id and its signature, the true one is gone."""
    root = signed(what="assertion")
    assertion = _assertion_of(root)
    root.replace(assertion, evil_twin(assertion, assertion.get("ID") or ""))
    return root


def _evil_inside_signed_response() -> Node:
    """Returns a response with its original signature, whose assertion was changed and signed again by another key."""
    root = signed(what="both")
    assertion = _assertion_of(root)
    twin = _unsigned_twin(assertion)
    root.replace(assertion, twin)
    return root


def _elsewhere(name: str) -> Node:
    root = signed(what="assertion")
    extra = clone(one(root, "ds:Signature"))
    one(root, name).append(extra)
    return root


def _twice(name: str) -> Node:
    root = signed(what="both")
    found = one(root, name).find(tag("ds:Signature"))
    assert found is not None
    found.addnext(clone(found))
    return root


def _two_infos() -> Node:
    root = signed(what="assertion")
    found = one(root, "ds:Signature")
    found.insert(0, clone(one(found, "ds:SignedInfo")))
    return root


def _same_ids() -> Node:
    root = signed(what="assertion")
    root.set("ID", one(root, "saml:Assertion").get("ID") or "")
    return sign(root)


CASES: Final[Cases] = {
    **{
        f"XSW{way} with {what} signed": Case("Shape", ONE_ASSERTION, partial(_in_clear, way, what))
        for what in ("assertion", "response", "both")
        for way in range(1, 9)
    },
    **{
        f"XSW{way} with an encrypted assertion": Case("Shape", ONE_ASSERTION, partial(_sealed, way))
        for way in (3, 5, 7)
    },
    **{
        f"XSW{way} with an encrypted assertion": Case(
            "Signature", "one assertion within an EncryptedAssertion", partial(_sealed, way)
        )
        for way in (1, 2, 4, 6, 8)
    },
    **{
        f"XSW{way} around an encrypted assertion": Case("Shape", ONE_ASSERTION, partial(_sealed_whole, way))
        for way in (1, 2)
    },
    "a second assertion first": Case("Shape", ONE_ASSERTION, partial(_second_evil, "response", last=False)),
    "a second assertion last": Case("Shape", ONE_ASSERTION, partial(_second_evil, "both", last=True)),
    "the true assertion in Advice": Case("Shape", ONE_ASSERTION, partial(_nested, "saml:Advice")),
    "the true assertion in an attribute": Case("Shape", ONE_ASSERTION, partial(_nested, "saml:AttributeStatement")),
    "the true response in Extensions": Case("Shape", ONE_ASSERTION, _response_in_response),
    "an empty response in Extensions": Case("Shape", "one Response", _empty_response_in_response),
    "the assertion's signature on the response": Case("Signature", OWN, partial(_signature_of, "response")),
    "the response's signature on the assertion": Case("Signature", OWN, partial(_signature_of, "assertion")),
    "both signatures swapped": Case("Signature", OWN, _swapped),
    "an evil assertion under the true one's id": Case("Signature", "a signature by one", _stolen_id),
    "an evil assertion in a signed response": Case("Signature", "a signature by one", _evil_inside_signed_response),
    "a signature in the status": Case("Shape", PLACE, partial(_elsewhere, "samlp:Status")),
    "a signature in the subject": Case("Shape", PLACE, partial(_elsewhere, "saml:Subject")),
    "two signatures in the assertion": Case("Shape", "one Signature", partial(_twice, "saml:Assertion")),
    "two signatures in the response": Case("Shape", "one Signature", partial(_twice, "samlp:Response")),
    "a signature within a signature": Case("Shape", PLACE, partial(_elsewhere, "ds:KeyInfo")),
    "two SignedInfo": Case("Signature", SHAPE, _two_infos),
    "one id twice": Case("Shape", IDS, _same_ids),
}
