"""Rows of signing keys, and sign-on settings as a row of an app holds them."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from pocket_okta.sign_on import (
    Encryption,
    GroupStatement,
    Participation,
    SigningKey,
    SignOn,
    SingleLogout,
    Statement,
    UniversalLogout,
)
from pocket_okta.store.database import Reader, Tx


def read_sign_on(kept: Mapping[str, Any]) -> SignOn:
    """Return the stored settings; an app in an older file has none and gets the defaults."""
    if not kept:
        return SignOn()
    lists: dict[str, Any] = {
        "statements": tuple(Statement(**{**row, "sources": tuple(row["sources"])}) for row in kept["statements"]),
        "group_statements": tuple(GroupStatement(**row) for row in kept["group_statements"]),
        "other_acs_urls": tuple(kept["other_acs_urls"]),
        "sp_certificates": tuple(kept["sp_certificates"]),
        "encryption": Encryption(**kept["encryption"]),
        "slo": SingleLogout(**kept["slo"]),
        "participation": Participation(**kept["participation"]),
        "universal_logout": UniversalLogout(**kept["universal_logout"]),
    }
    return SignOn(**{**kept, **lists})


def _key(row: sqlite3.Row) -> SigningKey:
    return SigningKey(
        row["kid"],
        row["app_id"],
        row["certificate"],
        row["private_key"],
        row["created"],
        row["expires"],
        bool(row["active"]),
    )


def insert_key(tx: Tx, key: SigningKey) -> None:
    tx.run(
        "INSERT INTO signing_keys (kid, app_id, certificate, private_key, created, expires, active) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        key.kid,
        key.app_id,
        key.certificate,
        key.private_key,
        key.created,
        key.expires,
        key.active,
    )


def activate_key(tx: Tx, app_id: str, kid: str) -> None:
    """Make one key of an app the active one, and every other inactive."""
    tx.run("UPDATE signing_keys SET active = (kid = ?) WHERE app_id = ?", kid, app_id)


def keys_of(db: Reader, app_id: str) -> list[SigningKey]:
    """Return an app's keys, oldest first."""
    return [_key(row) for row in db.all("SELECT * FROM signing_keys WHERE app_id = ? ORDER BY rowid", app_id)]


def active_kids(db: Reader) -> dict[str, str]:
    """Return app id -> the id of its active key, for the apps that have keys already."""
    return {row["app_id"]: row["kid"] for row in db.all("SELECT app_id, kid FROM signing_keys WHERE active")}
