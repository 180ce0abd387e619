"""Responses as identity providers send them: all are accepted, and everything is read from them."""

import pytest

from tests.saml.factory import IDP
from tests.saml.shapes import SHAPES
from vestibule.saml.response import answered_request, examine, validate


@pytest.mark.parametrize("name", SHAPES)
def test_a_valid_shape_is_accepted_and_read(name: str) -> None:
    shape = SHAPES[name]
    examined = examine(shape.document(), shape.against(), shape.now)
    assert [check for check in examined.checks if not check.passed] == []
    assertion = examined.assertion
    assert assertion is not None
    assert (assertion.name_id, assertion.name_id_format) == (shape.name_id, shape.name_id_format)
    assert assertion.session_index == shape.session_index
    assert assertion.authn_context == shape.context
    assert assertion.attributes == shape.attributes
    assert assertion.session_expires == shape.session_expires
    assert (assertion.id, assertion.issuer) == ("_assertion-1", IDP)
    assert assertion.certificate == shape.by.pinned
    assert shape.name_id in examined.xml
    assert answered_request(shape.document()) == shape.against().request_id
    assert validate(shape.document(), shape.against(), shape.now) == assertion
