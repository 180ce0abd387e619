"""Instants as SAML writes them (xsd:dateTime in UTC), in milliseconds."""

from datetime import UTC, datetime, timedelta

from vestibule.saml.errors import SamlError


def read_instant(text: str, what: str) -> int:
    """Milliseconds of a time such as 2026-11-24T10:00:00.123Z.

    Raises:
        SamlError: it is none, or not in UTC (SAML 2.0 Core §1.3.3).
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SamlError(f"a time in UTC as {what}", f"'{text[:40]}'") from None
    if moment.utcoffset() != timedelta(0) or "T" not in text:
        raise SamlError(f"a time in UTC as {what}", f"'{text[:40]}'")
    return int(moment.timestamp() * 1000)


def write_instant(milliseconds: int) -> str:
    """A time as SAML messages carry it."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
