"""The end of a sign-in test: stores the result for the administrator who began it."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from vestibule.actions import person_sign_in
from vestibule.endpoints.saml.messages import RESULT_LIFE, as_stranger
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import SignInRefused
from vestibule.model import IdentityProvider
from vestibule.saml.response import Examination
from vestibule.store.saml import SignInRequest, put_result


async def keep_test(visit: Visit, provider: IdentityProvider, begun: SignInRequest, examined: Examination) -> Response:
    """Store the result of a sign-in test, and redirect the administrator to the page that shows it."""
    who, why_not = None, ""
    if examined.assertion is not None:
        async with visit.context.database.read(visit.tenant.id) as reading:
            try:
                person = await person_sign_in.find_person(reading, provider, examined.assertion)
                who = person.id if person else None
                if person is not None:
                    why_not = person_sign_in.why_not(person)
                elif not provider.saml.just_in_time:
                    why_not = "nobody here has this NameID"
            except SignInRefused as refused:
                why_not = refused.reason
    assertion = examined.assertion
    result: dict[str, Any] = {
        "checks": [[check.name, check.wanted, check.came, check.passed] for check in examined.checks],
        "xml": examined.xml,
        "name_id": assertion.name_id if assertion else "",
        "attributes": {name: list(values) for name, values in assertion.attributes.items()} if assertion else {},
        "candidate": assertion is not None and assertion.certificate not in provider.saml.certificates,
        "person": who,
        "why_not": why_not,
    }
    await visit.context.database.run(
        as_stranger(visit), lambda tx: put_result(tx, begun.id, result, tx.now + RESULT_LIFE)
    )
    return RedirectResponse(
        f"/console/{visit.tenant.name}/identity-providers/{provider.id}/sign-in-test/{begun.id}", 303
    )
