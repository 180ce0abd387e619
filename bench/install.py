"""Installs the compared servers, pinned and apart from Vestibule, in bench/.peers. A second run installs nothing."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.machine import PEERS, ROOT
from bench.terminal import tell

SOURCES: Final = ROOT / "bench" / "peers"
SCIMMY: Final = PEERS / "scimmy"
SCIM2: Final = PEERS / "scim2-server"


class Unavailable(Exception):
    """A target cannot be measured here; the text says what is missing and what to do."""


def install_scimmy() -> None:
    """scimmy-routers, express and better-sqlite3 by `npm ci`, from the committed lock file."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Unavailable(
            "scimmy-routers needs Node.js 20 or newer with npm: install them, or leave it out of --targets"
        )
    SCIMMY.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "server.mjs"):
        shutil.copyfile(SOURCES / "scimmy" / name, SCIMMY / name)
    version = _run([node, "--version"], SCIMMY).strip()
    stamp = _stamp(version, SOURCES / "scimmy" / "package.json", SOURCES / "scimmy" / "package-lock.json")
    if _is_installed(SCIMMY, stamp):
        return
    tell("installing scimmy-routers and better-sqlite3 (compiled here: about a minute) ...")
    environment = os.environ.copy()
    # With Node's headers at hand the SQLite binding is compiled and nothing but the npm registry is asked. Without
    # them it is left to the package, which fetches a binary that its author built.
    headers = Path(node).resolve().parent.parent
    if (headers / "include" / "node" / "node.h").exists():
        environment |= {"npm_config_build_from_source": "true", "npm_config_nodedir": str(headers)}
    _run([npm, "ci", "--omit=dev", "--no-fund", "--no-audit"], SCIMMY, environment)
    _note_installed(SCIMMY, stamp)


def install_scim2() -> None:
    """scim2-server and its HTTP servers by pip, from the committed list of versions and hashes."""
    requirements = SOURCES / "scim2_server" / "requirements.txt"
    stamp = _stamp(platform.python_version(), requirements)
    if _is_installed(SCIM2, stamp):
        return
    tell("installing scim2-server ...")
    _run([sys.executable, "-m", "venv", "--clear", str(SCIM2)], ROOT)
    _run([str(SCIM2 / "bin" / "pip"), "install", "-q", "--require-hashes", "--no-deps", "-r", str(requirements)], ROOT)
    _note_installed(SCIM2, stamp)


def build_flush_delay() -> Path:
    """The library that makes flushes slow; see flush_delay.c."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise Unavailable("--delayed-flush needs a C compiler (cc or gcc)")
    PEERS.mkdir(parents=True, exist_ok=True)
    library = PEERS / "flush_delay.so"
    source = ROOT / "bench" / "flush_delay.c"
    _run([compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(source)], ROOT)
    return library


def _stamp(version: str, *files: Path) -> str:
    digest = hashlib.sha256(version.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _is_installed(folder: Path, stamp: str) -> bool:
    file = folder / ".installed"
    return file.exists() and file.read_text() == stamp


def _note_installed(folder: Path, stamp: str) -> None:
    (folder / ".installed").write_text(stamp)


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise Unavailable(f"{' '.join(command)} failed with {done.returncode}:\n{words}")
    return done.stdout
