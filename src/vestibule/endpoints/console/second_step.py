"""The step after the right password: a session, or the page that asks for the second factor.

Until the second factor a cookie identifies the ceremony. It gives no access by itself.
"""

from typing import Final

from starlette.responses import Response

from vestibule.actions import pace, proofs, second_factor
from vestibule.actions.known_browsers import find_known
from vestibule.actions.second_factor import Entry, Proof, Step
from vestibule.endpoints.console.browser_cookie import keep_tokens, known_tokens
from vestibule.endpoints.web.guard import cookie_name
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, TooOften, WrongInput
from vestibule.keys import token_check
from vestibule.store.administrator_sessions import end_session

PATH: Final = "/console/second-step"
_WRONG: Final = {
    "answer": "That passkey was not accepted. Try again, or use another way.",
    "code": "That code is wrong or was already used. The app shows a new one every 30 seconds.",
    "recovery_code": "That recovery code is wrong or was already used.",
}


def entered(visit: Visit, entry: Entry, path: str) -> Response:
    """Returns a redirect that sets the cookies of a new session or ceremony."""
    if entry.ceremony:
        response = visit.redirect(PATH)
        _set_cookie(visit, response, _cookie_name(visit), entry.ceremony, life=second_factor.STEP_LIFE // 1000)
        return response
    response = visit.redirect(path)
    _set_cookie(visit, response, cookie_name(visit.context), entry.session)
    keep_tokens(visit, response, entry.browsers)
    if _cookie_name(visit) in visit.request.cookies:
        response.delete_cookie(_cookie_name(visit), path="/", secure=_https(visit), httponly=True, samesite="strict")
    return response


def local_path(path: str) -> str:
    """Returns the path if it is one of the console, otherwise the console's first page (against open redirects)."""
    clean = path.startswith("/console/") and "\\" not in path and "//" not in path and path.isprintable()
    return path if clean and not path.startswith("/console/sign-") else "/console/"


async def show_step(visit: Visit) -> Response:
    """Show the page that asks for the second factor."""
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        step = await second_factor.find_step(all_tenants, _token(visit))
    return _page(visit, step) if step else _begin_again(visit)


async def take_step(visit: Visit) -> Response:
    """Check the second factor, and begin a session."""
    proof = Proof(visit.field("answer"), visit.field("code").strip(), visit.field("recovery_code").strip())
    if not any(proof):
        return await show_step(visit)
    party, checker = proofs.relying_party(visit.context.settings.url), visit.context.checker
    browsers = known_tokens(visit)
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        step = await second_factor.find_step(all_tenants, _token(visit), lock=True)
        if step is None:
            return _begin_again(visit)
        browser = await find_known(all_tenants, browsers, step.administrator)
        names = _pace_names(visit, step, browser)
        try:
            # A passkey cannot be guessed, so failed attempts do not delay it.
            if not proof.answer:
                await pace.claim_try(all_tenants, names)
        except TooOften as refused:
            return _page(visit, step, refused)
        if await second_factor.proves(all_tenants, step, proof, party, checker):
            if visit.session is not None:
                await end_session(all_tenants, visit.session)
            entry = await second_factor.finish_step(all_tenants, step, [] if proof.answer else names, browsers)
            failed = pace.names_of_stranger(step.administrator.email, visit.address, checker.check("throttle"))
            await pace.forgive(all_tenants, [pace.name_of_second_step(step.administrator), *failed])
            return entered(visit, entry, step.ceremony.relay)
        more = await second_factor.refuse_step(all_tenants, step, proof)
    field = next(name for name, value in proof._asdict().items() if value)
    return _page(visit, step, WrongInput(_WRONG[field], field=field)) if more else _begin_again(visit)


def _pace_names(visit: Visit, step: Step, browser: str) -> list[str]:
    if browser:
        return [pace.name_of_browser(token_check(browser))]
    return [pace.name_of_second_step(step.administrator), pace.name_of_address(visit.address)]


def _page(visit: Visit, step: Step, refused: Refusal | None = None) -> Response:
    party = proofs.relying_party(visit.context.settings.url)
    known = [factor.credential_id for factor in step.passkeys]
    response = visit.page(
        "second_step.html",
        401 if isinstance(refused, WrongInput) else refused.status if refused else 200,
        step=step,
        options=proofs.request_options(party, step.ceremony.challenge, known) if party and known else "",
        refused=refused,
    )
    if isinstance(refused, TooOften):
        response.headers["retry-after"] = str(refused.retry_after)
    return response


def _begin_again(visit: Visit) -> Response:
    if visit.administrator is not None:
        return visit.redirect("/console/")
    return visit.redirect("/console/sign-in", "step-over")


def _token(visit: Visit) -> str:
    return visit.request.cookies.get(_cookie_name(visit), "")


def _cookie_name(visit: Visit) -> str:
    return f"{cookie_name(visit.context)}-step"


def _https(visit: Visit) -> bool:
    return visit.context.settings.url.startswith("https:")


def _set_cookie(visit: Visit, response: Response, name: str, token: str, life: int | None = None) -> None:
    response.set_cookie(
        name,
        token,
        max_age=life,
        path="/",
        secure=_https(visit),
        httponly=True,
        samesite="strict" if life else "lax",
    )
