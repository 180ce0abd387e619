"""A start that cannot go well ends at once: one line that says what was wanted, an exit code, never a stack trace.

Most starts that are refused run in this process, because a process of its own takes half a second of CPU. One of each
exit code runs as a process.
"""

import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import ENGINES, HANG, PLAIN, environment_of, in_process, on_loop, running_server
from vestibule.endpoints.context import Context
from vestibule.model import HOUSE, Actor
from vestibule.settings import Settings


def program(settings: Settings, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the program with these settings as a process, until it ends."""
    return subprocess.run(
        [sys.executable, "-m", "vestibule", *arguments],
        env=environment_of(settings, **environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )


def here(settings: Settings, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the program with these settings in this process, for starts that are refused."""
    return in_process(environment_of(settings, **environment), *arguments)


def one_line(ended: "subprocess.CompletedProcess[str]", code: int) -> str:
    """Returns the single line with which a program ended that could not do its work."""
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("vestibule: "), line
    return line.removeprefix("vestibule: ")


def refused(settings: Settings, code: int, *arguments: str, **environment: str) -> str:
    """Returns the line with which `serve` refuses to start, in this process."""
    return one_line(here(settings, "serve", "--port", "0", *arguments, **environment), code)


# -- another server, another program -----------------------------------------------------------------------------------


def test_a_second_server_on_the_same_folder(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with running_server(settings) as first:
        line = one_line(program(settings, "serve", "--port", "0"), 4)
        assert "another Vestibule is running" in line
        assert str(tmp_path) in line
        assert httpx2.get(f"{first.url}/healthz", **PLAIN).status_code == 200
        assert first.json("tenant", "list") == []  # the verbs may join it
    with running_server(settings) as second:  # and nothing of the lock is left
        assert httpx2.get(f"{second.url}/readyz", **PLAIN).status_code == 200


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = one_line(program(Settings(data=tmp_path), "serve", "--port", port), 2)
    assert f"127.0.0.1:{port}" in line
    assert "in use" in line


async def newer(context: Context) -> None:
    """Mark a database as migrated by a newer program."""
    async with context.database.write_all_tenants(Actor(HOUSE, "operator")) as all_tenants:
        await all_tenants.run(
            "INSERT INTO migrations (number, title, applied_at) VALUES ($1, $2, $3)", 4170, "later", 0
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_database_newer_than_the_program(engine: str, new_database: Callable[[str], Settings]) -> None:
    settings = new_database(engine)
    opened(settings, newer)
    ends = [here(settings, *verb) for verb in (("serve", "--port", "0"), ("tenant", "list"), ("verify",), ("migrate",))]
    for ended in [*ends, program(settings, "serve", "--port", "0")]:
        line = one_line(ended, 3)
        assert "4170" in line
        assert "newer program" in line
    if engine == "postgres":  # no worker opens, so the program ends as one of them alone would
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        ended = program(settings, "serve", "--port", port, "--workers", "2")
        assert "Traceback" not in ended.stderr
        assert ended.returncode == 3, ended.stderr
        assert "newer program" in ended.stderr


def opened(settings: Settings, act: Callable[[Context], Awaitable[Any]]) -> None:
    """Run a function with a context on an installation that no server uses."""

    async def acted() -> None:
        context = await Context.open(settings, lambda _line: None)
        try:
            await act(context)
        finally:
            await context.close()

    on_loop(acted())


# -- places that cannot be written to ----------------------------------------------------------------------------------

READ_ONLY = Path("/sys/vestibule")  # where nobody can make a folder, not even root


@pytest.mark.parametrize("verb", [("serve", "--port", "0"), ("tenant", "list"), ("verify",)])
def test_a_folder_that_cannot_be_made(verb: tuple[str, ...]) -> None:
    line = one_line(here(Settings(data=READ_ONLY), *verb), 2)
    assert line.startswith("data: ")
    assert str(READ_ONLY) in line


@pytest.mark.parametrize("verb", [("serve", "--port", "0"), ("tenant", "list")])
def test_a_file_where_the_folder_should_be(tmp_path: Path, verb: tuple[str, ...]) -> None:
    file = tmp_path / "var"
    file.write_text("")
    assert str(file) in one_line(here(Settings(data=file), *verb), 2)
    assert str(file) in one_line(here(Settings(data=file / "below"), *verb), 2)


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "garbage").write_bytes(b"This is no database at all. " * 100)
    (tmp_path / "torn").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    for name in ("folder", "garbage", "torn"):
        line = refused(Settings(data=tmp_path), 2, VESTIBULE_DATABASE=f"sqlite:///{tmp_path / name}")
        assert str(tmp_path / name) in line
    assert str(READ_ONLY) in refused(Settings(data=tmp_path), 2, VESTIBULE_DATABASE=f"sqlite:///{READ_ONLY}/v.db")


def test_a_pepper_that_is_gone_or_too_short(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    opened(settings, lambda context: context.background.drain())
    pepper = (tmp_path / "pepper").read_text()
    (tmp_path / "pepper").write_text("short")
    assert "pepper" in refused(settings, 2)
    (tmp_path / "pepper").unlink()
    assert "another pepper" in refused(settings, 2)
    (tmp_path / "pepper").write_text(pepper)
    with running_server(settings) as server:
        assert httpx2.get(f"{server.url}/readyz", **PLAIN).status_code == 200


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


def test_a_postgres_that_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    line = refused(Settings(data=tmp_path), 2, VESTIBULE_DATABASE=f"postgresql://nobody:s3cret@127.0.0.1:{port}/none")
    assert "PostgreSQL does not answer" in line
    assert "s3cret" not in line


def test_a_postgres_that_is_something_else(tmp_path: Path, postgres: str) -> None:
    elsewhere = postgres.replace("/postgres?", "/there_is_no_such_database?")
    assert "there_is_no_such_database" in refused(Settings(data=tmp_path), 2, VESTIBULE_DATABASE=elsewhere)
    stranger = postgres.replace("postgresql://postgres", "postgresql://there_is_no_such_role")
    assert "there_is_no_such_role" in refused(Settings(data=tmp_path), 2, VESTIBULE_DATABASE=stranger)
    assert refused(Settings(data=tmp_path), 2, VESTIBULE_DATABASE="postgresql://127.0.0.1:notaport/x")
    assert refused(Settings(data=tmp_path), 2, VESTIBULE_DATABASE="postgresql://host.nowhere.invalid/x")


# -- settings ----------------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "an unknown name": ({"VESTIBULE_PROT": "8000"}, "VESTIBULE_PROT"),
    "a port that is no number": ({"VESTIBULE_PORT": "many"}, "many"),
    "a port that is none": ({"VESTIBULE_PORT": "70000"}, "70000"),
    "a log level": ({"VESTIBULE_LOG_LEVEL": "loud"}, "loud"),
    "a way to synchronise": ({"VESTIBULE_SYNCHRONOUS": "off"}, "off"),
    "a database of another kind": ({"VESTIBULE_DATABASE": "mysql://127.0.0.1/x"}, "postgresql://"),
    "an underscore in the base URL": ({"VESTIBULE_BASE_URL": "https://my_house.example"}, "underscore"),
    "a base URL without a scheme": ({"VESTIBULE_BASE_URL": "login.north.example"}, "login.north.example"),
    "a wildcard host": ({"VESTIBULE_WILDCARD_HOST": "*.north.example"}, "*.north.example"),
    "no workers": ({"VESTIBULE_WORKERS": "0"}, "workers"),
    "two workers on SQLite": ({"VESTIBULE_WORKERS": "2"}, "PostgreSQL"),
    "a pool too small": ({"VESTIBULE_POOL": "1"}, "pool"),
    "a certificate without its key": ({"VESTIBULE_TLS_CERTIFICATE": "/nowhere.pem"}, "tls_key"),
    "a certificate that is not there": (
        {"VESTIBULE_TLS_CERTIFICATE": "/nowhere.pem", "VESTIBULE_TLS_KEY": "/nowhere.key"},
        "/nowhere.pem",
    ),
    "a proxy that is no address": ({"VESTIBULE_TRUSTED_PROXIES": "10.0.0.0/8,my proxy"}, "my proxy"),
    "a pepper too short": ({"VESTIBULE_PEPPER": "too short"}, "32 characters"),
    "a file that is not there": ({"VESTIBULE_CONFIG": "/nowhere.toml"}, "/nowhere.toml"),
    "a host that nobody knows": ({"VESTIBULE_HOST": "host.nowhere.invalid"}, "host.nowhere.invalid"),
    "an address that is not ours": ({"VESTIBULE_HOST": "192.0.2.1"}, "192.0.2.1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting(tmp_path: Path, case: str) -> None:
    environment, named = WRONG[case]
    arguments = () if "VESTIBULE_PORT" in environment else ("--port", "0")
    line = one_line(here(Settings(data=tmp_path), "serve", *arguments, **environment), 2)
    assert named in line
    assert not (tmp_path / "vestibule.db").exists()  # nothing was begun


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("port = ", "TOML"),
        ("prot = 8000", "prot"),
        ("port = [1]", "port in"),
        ("host = 7", "host in"),
        ("workers = true", "workers in"),
        ('log_level = "LOUD"', "LOUD"),
    ],
)
def test_a_wrong_file(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "vestibule.toml"
    file.write_text(content)
    line = one_line(here(Settings(data=tmp_path), "serve", VESTIBULE_CONFIG=str(file)), 2)
    assert named in line


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.write_text("no certificate")
    key.write_text("no key")
    line = refused(Settings(data=tmp_path), 2, VESTIBULE_TLS_CERTIFICATE=str(certificate), VESTIBULE_TLS_KEY=str(key))
    assert "tls_certificate" in line


@pytest.mark.parametrize("option", ["--port=many", "--workers=-1", "--nonsense", "--log-level=loud"])
def test_a_wrong_option(tmp_path: Path, option: str) -> None:
    ended = here(Settings(data=tmp_path), "serve", option)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert option.partition("=")[0].strip("-").replace("-", "_") in ended.stderr.replace("-", "_")
