"""Converts between SAML times (xsd:dateTime in UTC) and milliseconds since 1970."""

from datetime import UTC, datetime, timedelta

from vestibule.saml.errors import SamlError


def read_instant(text: str, what: str) -> int:
    """Returns the milliseconds of a time such as 2026-11-24T10:00:00.123Z. `what` names it in an error.

    Raises:
        SamlError: it is not a time, or not in UTC (SAML 2.0 Core §1.3.3).
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SamlError(f"a time in UTC as {what}", f"'{text[:40]}'") from None
    if moment.utcoffset() != timedelta(0) or "T" not in text:
        raise SamlError(f"a time in UTC as {what}", f"'{text[:40]}'")
    return int(moment.timestamp() * 1000)


def write_instant(milliseconds: int) -> str:
    """Returns a time in the form that SAML messages use, in whole seconds."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
