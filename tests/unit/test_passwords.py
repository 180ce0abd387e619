"""Who has no password is compared with a hash that costs as much as a real one."""

from vestibule.actions.passwords import _NOBODYS_HASH, _hasher, verify_password


def test_nobodys_hash_is_made_like_everybodys() -> None:
    assert not _hasher.check_needs_rehash(_NOBODYS_HASH)
    assert _hasher.verify(_NOBODYS_HASH, "nobody has this password")


def test_nobody_gets_in_with_the_password_of_nobody() -> None:
    assert not verify_password(None, "nobody has this password")
