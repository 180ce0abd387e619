"""The overview: how each identity provider does, who came and went, and what needs a person."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from vestibule.endpoints.console.account import lacks_factor
from vestibule.endpoints.console.health import health_of
from vestibule.endpoints.web.visit import Visit
from vestibule.model import IdentityProvider, first_id_of
from vestibule.store.database import Reading
from vestibule.store.events import EventQuery, count_daily, page_events
from vestibule.store.identity_providers import all_providers
from vestibule.store.stopwatches import recent_times
from vestibule.store.users import count_by_provider, find_twins

DAY: Final = 86_400_000
DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Day:
    """Comings and goings of one day in UTC."""

    label: str
    came: int
    went: int


async def show_overview(visit: Visit) -> Response:
    """The first page after signing in."""
    lacking = await lacks_factor(visit)
    async with visit.context.database.scan(visit.tenant.id) as reading:
        providers = await all_providers(reading)
        counts = await count_by_provider(reading)
        health = [
            (provider, await health_of(reading, visit.tenant, provider, counts.get((provider.id, True), 0)))
            for provider in providers
        ]
        refused = await page_events(
            reading,
            EventQuery(
                types=("request.refused", "credential.refused", "login.refused", "revocation.refused"),
                since=reading.now - DAY,
            ),
            5,
        )
        return visit.page(
            "overview.html",
            lacks_factor=lacking,
            health=health,
            active=sum(count for (_, active), count in counts.items() if active),
            inactive=sum(count for (_, active), count in counts.items() if not active),
            days=await _days(reading),
            certificates=ending_certificates(providers, reading.now),
            twins=await find_twins(reading),
            times=await recent_times(reading, reading.now - DAYS * DAY),
            refused=refused,
        )


def ending_certificates(providers: list[IdentityProvider], now: int) -> list[tuple[IdentityProvider, str, int]]:
    """Returns the identity providers whose signing certificates have expired or expire within 30 days, as (identity
    provider, `expired` or `soon`, how many).
    """
    found = []
    for provider in providers:
        ends = [certificate.not_after - now for certificate in provider.saml.certificates]
        expired, soon = sum(left <= 0 for left in ends), sum(0 < left <= 30 * DAY for left in ends)
        found += [(provider, end, count) for end, count in (("expired", expired), ("soon", soon)) if count]
    return found


async def _days(reading: Reading) -> list[Day]:
    today = reading.now // DAY
    first = today - DAYS + 1
    counted = await count_daily(reading, first_id_of(first * DAY))
    days = []
    for day in range(first, today + 1):
        came = counted.get((day, "user.created"), 0) + counted.get((day, "user.reactivated"), 0)
        went = counted.get((day, "user.deactivated"), 0) + counted.get((day, "user.deleted"), 0)
        days.append(Day(datetime.fromtimestamp(day * DAY / 1000, UTC).strftime("%a %-d"), came, went))
    return days
