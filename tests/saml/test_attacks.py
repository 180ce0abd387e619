"""The attack corpus against the library: none is accepted, none is an exception, each fails by the check it should."""

import pytest

from tests.saml import false_claims, forgery, parsing, sealing, wrapping
from tests.saml.corpus import CASES, document
from vestibule.saml.errors import SamlError
from vestibule.saml.response import answered_request, examine, validate


@pytest.mark.parametrize("name", CASES)
def test_an_attack_fails_by_its_check(name: str) -> None:
    case, text = CASES[name], document(name)
    against = case.against()
    examined = examine(text, against, case.now)
    assert examined.assertion is None
    failed = examined.failed
    assert failed is not None
    assert (failed.name, failed.wanted[: len(case.wanted)]) == (case.check, case.wanted)
    assert failed.came
    with pytest.raises(SamlError) as refusal:
        validate(text, against, case.now)
    assert (refusal.value.wanted, refusal.value.came) == (failed.wanted, failed.came)
    try:
        answered = answered_request(text)
    except SamlError:
        assert case.check == "Shape"
    else:
        assert isinstance(answered, str)


def test_the_corpus_is_large_and_of_distinct_documents() -> None:
    kinds = [wrapping.CASES, forgery.CASES, parsing.CASES, sealing.CASES, false_claims.CASES]
    assert sum(map(len, kinds)) == len(CASES)
    assert len({document(name) for name in CASES}) >= 300
