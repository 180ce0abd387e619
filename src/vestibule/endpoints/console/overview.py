"""The overview: what needs attention, the state of each identity provider, and people added and removed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from vestibule.endpoints.console.account import lacks_factor
from vestibule.endpoints.console.attention import find_needs
from vestibule.endpoints.console.health import health_of
from vestibule.endpoints.web.visit import Visit
from vestibule.model import first_id_of
from vestibule.store.database import Reading
from vestibule.store.events import count_daily
from vestibule.store.identity_providers import all_providers
from vestibule.store.stopwatches import recent_times
from vestibule.store.user_lists import count_by_provider, find_twins

DAY: Final = 86_400_000
DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Day:
    """How many people were added and removed on one day, in UTC."""

    label: str
    came: int
    went: int


async def show_overview(visit: Visit) -> Response:
    """Show the overview, which is the first page after sign-in."""
    lacking = await lacks_factor(visit)
    async with visit.context.database.scan(visit.tenant.id) as reading:
        providers = await all_providers(reading)
        counts = await count_by_provider(reading)
        health = [
            (provider, await health_of(reading, visit.tenant, provider, counts.get((provider.id, True), 0)))
            for provider in providers
        ]
        needs = await find_needs(visit, reading, providers, await find_twins(reading))
        return visit.page(
            "overview.html",
            lacks_factor=lacking,
            health=health,
            active=sum(count for (_, active), count in counts.items() if active),
            inactive=sum(count for (_, active), count in counts.items() if not active),
            days=await _days(reading),
            times=await recent_times(reading, reading.now - DAYS * DAY),
            needs=needs,
        )


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
