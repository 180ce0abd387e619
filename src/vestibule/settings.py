"""All settings of the program.

A setting is read from the command line, or else from the environment variable `VESTIBULE_<NAME>`, or else from the TOML
file that `VESTIBULE_CONFIG` names, or else has the default below. An unknown name is an error, because a misspelt
setting would otherwise be silently ignored.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from vestibule.errors import WrongSetting
from vestibule.limits import HEADER_SECONDS, IDLE_SECONDS, STALLED_READER_SECONDS

PREFIX = "VESTIBULE_"
SENT_BY_PROVIDERS = 25
"""Requests per second that Okta and Entra ID may send. No limit for a tenant may be lower."""


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Use `load` to make one, because it checks them."""

    data: Path = _setting(
        Path("var"),
        "Folder for the database, the pepper and the lock file. Created if missing, readable by its owner only.",
    )
    database: str = _setting(
        "", "Database URL: `postgresql://…`, or `sqlite:///path`; empty for `vestibule.db` in the data folder."
    )
    synchronous: str = _setting(
        "full",
        "SQLite: `full` answers a write once it is on disk; `normal` may lose the last writes if the power fails.",
    )
    pool: int = _setting(10, "PostgreSQL: how many connections one worker may hold.")
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8000, "Port to listen on; 0 chooses a free one.")
    base_url: str = _setting(
        "",
        "URL under which people and identity providers reach this server; empty for the address and port above.",
    )
    wildcard_host: str = _setting(
        "",
        "Domain whose subdomains are tenants: with `example.com`, SCIM also answers at "
        "`https://acme.example.com/scim/v2`.",
    )
    tls_certificate: str = _setting(
        "", "PEM file with the server's certificate chain. Without it the server uses plain HTTP, for a proxy in front."
    )
    tls_key: str = _setting("", "PEM file with the private key of that certificate.")
    workers: int = _setting(1, "How many processes answer requests. More than one needs PostgreSQL.")
    trusted_proxies: str = _setting(
        "",
        "Comma-separated addresses or networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted.",
    )
    connections: int = _setting(
        0,
        "How many connections one worker may hold; 0 for as many as the limit on open files allows, at most 4,096.",
    )
    connections_per_address: int = _setting(
        0,
        "How many of them one client address may hold, or one /64 network of IPv6; 0 for a quarter. Trusted proxies "
        "are not counted.",
    )
    header_timeout: int = _setting(
        HEADER_SECONDS, "Seconds that a TLS handshake may take, and that the headers of a request may take."
    )
    idle_timeout: int = _setting(IDLE_SECONDS, "Seconds that a connection may be idle between two requests.")
    reader_timeout: int = _setting(
        STALLED_READER_SECONDS,
        "Seconds that a client may read nothing of a response before its connection is closed.",
    )
    private_networks: str = _setting(
        "",
        "Comma-separated private networks, such as `10.0.0.0/8`, from which SAML metadata may be read.",
    )
    pepper: str = _setting(
        "",
        "Secret of 32 characters or more that keys the hashes of stored credentials; empty for the file `pepper` in "
        "the data folder. All nodes need the same.",
    )
    tenant_rate: int = _setting(
        100,
        "SCIM requests per second that every tenant may always send, however busy the server is; 0 for no such limit.",
    )
    tenant_ceiling: int = _setting(
        0, "SCIM requests per second that no tenant may exceed, even if no other is active; 0 for no ceiling."
    )
    tenant_requests: int = _setting(32, "SCIM requests of one tenant that may be in progress at the same time.")
    log_level: str = _setting("info", "How much is logged: `debug`, `info`, `warning` or `error`.")

    @property
    def database_url(self) -> str:
        """The database URL with its default filled in."""
        return self.database or f"sqlite:///{self.data / 'vestibule.db'}"

    @property
    def on_postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.database.startswith(("postgresql:", "postgres:"))

    @property
    def url(self) -> str:
        """The base URL with its default filled in, without a slash at the end."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_certificate else 'http'}://{host}:{self.port}"

    @property
    def own_label(self) -> str:
        """The subdomain of the wildcard host that the base URL uses; empty if there is none.

        It cannot be the name of a tenant.
        """
        host, domain = urlsplit(self.url).hostname or "", f".{self.wildcard_host.partition(':')[0]}"
        return host.removesuffix(domain) if self.wildcard_host and host.endswith(domain) else ""

    def scim_url(self, tenant_name: str) -> str:
        """Returns the SCIM base URL of a tenant, which an administrator enters in their identity provider."""
        return f"{self.url}/scim/v2/{tenant_name}"

    def saml_url(self, tenant_name: str, provider_id: str) -> str:
        """Returns the SAML entity ID for one identity provider. Its endpoints' URLs begin with it."""
        return f"{self.url}/saml/{tenant_name}/{provider_id}"

    def scim_host_url(self, tenant_name: str) -> str:
        """Returns the SCIM base URL with the tenant name as subdomain; empty if there is no wildcard host."""
        scheme = self.url.partition("://")[0]
        return f"{scheme}://{tenant_name}.{self.wildcard_host}/scim/v2" if self.wildcard_host else ""


def load(
    environ: Mapping[str, str] = os.environ, overrides: Mapping[str, Any] | None = None, *, strict: bool = True
) -> Settings:
    """Returns the settings from all sources. `overrides` come from the command line; None means not given.

    Raises:
        WrongSetting: a name is unknown, or a value is not valid. The message is one line.
    """
    known = {each.name: each for each in fields(Settings)}
    given: dict[str, tuple[Any, str]] = dict(_from_file(environ.get(PREFIX + "CONFIG"), known))
    for variable, value in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or name == "config":
            continue
        if name in known:
            given[name] = (value, variable)
        elif strict:
            raise WrongSetting(f"There is no setting {variable}. Known are: {', '.join(map(variable_of, known))}.")
    given |= {
        name: (value, f"--{name.replace('_', '-')}") for name, value in (overrides or {}).items() if value is not None
    }
    hints = get_type_hints(Settings)
    settings = Settings(**{name: _convert(value, hints[name], source) for name, (value, source) in given.items()})
    _check(settings)
    return settings


def variable_of(name: str) -> str:
    """Returns the environment variable of a setting."""
    return PREFIX + name.upper()


def described() -> list[tuple[str, str, str]]:
    """Returns (name, default, meaning) of every setting, for the documentation and `--help`."""
    return [(each.name, _default(each), each.metadata["meaning"]) for each in fields(Settings)]


def _default(each: Field[Any]) -> str:
    return "" if each.default is MISSING else str(each.default)


def _from_file(path: str | None, known: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    if not path:
        return {}
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongSetting(f"VESTIBULE_CONFIG names {path}, which cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{path} should be a TOML file: {error}.") from None
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise WrongSetting(f"{path} has a setting '{unknown[0]}' that there is not. Known are: {', '.join(known)}.")
    return {name: (value, f"{name} in {path}") for name, value in content.items()}


def _convert(value: Any, wanted: type, source: str) -> Any:
    if wanted is int:
        try:
            return int(str(value))
        except ValueError:
            raise WrongSetting(f"{source} should be a whole number; got '{value}'.") from None
    if not isinstance(value, str | Path):
        raise WrongSetting(f"{source} should be a text; got {value!r}.")
    return wanted(value)


def _check(settings: Settings) -> None:
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise WrongSetting(f"log_level should be debug, info, warning or error; got '{settings.log_level}'.")
    if settings.synchronous not in {"full", "normal"}:
        raise WrongSetting(f"synchronous should be full or normal; got '{settings.synchronous}'.")
    if not 0 <= settings.port <= 65535:
        raise WrongSetting(f"port should be between 0 and 65535; got {settings.port}.")
    if settings.pool < 2:
        raise WrongSetting(f"pool should be 2 or more; got {settings.pool}.")
    if settings.workers > 1 and not settings.on_postgres:
        raise WrongSetting("More than one worker needs PostgreSQL: set database to postgresql://… or workers to 1.")
    if settings.workers > 1 and settings.port == 0:
        raise WrongSetting("More than one worker needs a fixed port; port is 0.")
    if settings.database and not settings.on_postgres and not settings.database.startswith("sqlite:///"):
        raise WrongSetting("database should begin with postgresql:// or sqlite:///.")
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise WrongSetting("tls_certificate and tls_key go together; only one of them is set.")
    for path in filter(None, (settings.tls_certificate, settings.tls_key)):
        if not Path(path).is_file():
            raise WrongSetting(f"There is no file {path}, which tls_certificate or tls_key names.")
    _check_addresses(settings)
    _check_connections(settings)
    _check_tenant_limits(settings)
    if settings.pepper and len(settings.pepper) < 32:
        raise WrongSetting(f"pepper should have 32 characters or more; it has {len(settings.pepper)}.")


def _check_tenant_limits(settings: Settings) -> None:
    if settings.tenant_rate and settings.tenant_rate < SENT_BY_PROVIDERS:
        raise WrongSetting(
            f"tenant_rate should be 0, or {SENT_BY_PROVIDERS} or more, which Okta and Entra ID send in a second; "
            f"got {settings.tenant_rate}."
        )
    if settings.tenant_ceiling and settings.tenant_ceiling < max(settings.tenant_rate, SENT_BY_PROVIDERS):
        raise WrongSetting(
            f"tenant_ceiling should be 0, or not less than tenant_rate and {SENT_BY_PROVIDERS}; "
            f"got {settings.tenant_ceiling}."
        )
    if settings.tenant_requests < 1:
        raise WrongSetting(f"tenant_requests should be 1 or more; got {settings.tenant_requests}.")


def _check_addresses(settings: Settings) -> None:
    if settings.base_url:
        parts = urlsplit(settings.base_url)
        odd = re.search(r"[^A-Za-z0-9_:/.\-\[\]~%]", settings.base_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or odd:
            raise WrongSetting(f"base_url should be like https://login.example.com; got '{settings.base_url}'.")
        if "_" in settings.base_url:
            raise WrongSetting("base_url may hold no underscore: Okta refuses a SCIM URL with one in it.")
    if settings.wildcard_host and not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?", settings.wildcard_host):
        raise WrongSetting(f"wildcard_host should be a domain such as example.com; got '{settings.wildcard_host}'.")
    listed = {"trusted_proxies": settings.trusted_proxies, "private_networks": settings.private_networks}
    for name, networks in listed.items():
        for network in filter(None, map(str.strip, networks.split(","))):
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                raise WrongSetting(
                    f"{name} should list addresses or networks such as 10.0.0.0/8; got '{network}'."
                ) from None


def _check_connections(settings: Settings) -> None:
    for name in ("connections", "connections_per_address"):
        if getattr(settings, name) < 0:
            raise WrongSetting(f"{name} should be 0 or more; got {getattr(settings, name)}.")
    for name in ("workers", "header_timeout", "idle_timeout", "reader_timeout"):
        if getattr(settings, name) < 1:
            raise WrongSetting(f"{name} should be 1 or more; got {getattr(settings, name)}.")
