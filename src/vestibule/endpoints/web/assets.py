"""Stylesheet, script and images. Their URLs contain a hash of the content, so browsers may cache them for ever."""

import hashlib
from functools import cache
from importlib import resources
from typing import Final

_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@cache
def _load(name: str) -> tuple[bytes, str]:
    content = resources.files("vestibule").joinpath("static", name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def url(name: str) -> str:
    """Returns the URL of a file in the folder `static`."""
    return f"/static/{_load(name)[1]}/{name}"


def find(digest: str, name: str) -> tuple[bytes, str] | None:
    """Returns the content and media type of a file, or None if there is none with that digest."""
    ending = name.rpartition(".")[2]
    if ending not in _TYPES or "/" in name or name.startswith("."):
        return None
    try:
        content, current = _load(name)
    except FileNotFoundError:
        return None
    return (content, _TYPES[ending]) if digest == current else None
