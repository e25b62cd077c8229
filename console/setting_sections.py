"""The sections of `config.toml`: every key with its type, its rule, its comment and its one default.

Separate from the reading, so that the file's template and the reader use the same fields.
"""

# ruff: noqa: RUF009 - the calls in these class bodies only make fields and frozen values

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from console import setting_rules as rules
from console.setting_rules import Rule
from etl.models import Units

NETWORKS = "networks"
PRACTICE_NETWORKS = (
    (ipaddress.ip_network("127.0.0.0/8"), "this host"),
    (ipaddress.ip_network("10.0.0.0/8"), "private network"),
    (ipaddress.ip_network("192.168.0.0/16"), "private network"),
)


class Mode(StrEnum):
    """What a workspace is for."""

    PRACTICE = "practice"  # made-up data; nothing in it is worth protecting
    PRODUCTION = "production"  # real data; practice data is refused


class SourceChoice(StrEnum):
    """Where weather comes from."""

    AUTO = "auto"  # openweather if a key is known, else practice
    OPENWEATHER = "openweather"
    PRACTICE = "practice"


class Sse(StrEnum):
    """How the S3 server encrypts objects at rest."""

    BUCKET_DEFAULT = ""
    AES256 = "AES256"
    KMS = "aws:kms"


class LogLevel(StrEnum):
    """The least severe record that is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Spec:
    """What stands beside a field: its rule, its comment in the file, its practice default if that differs."""

    rule: Rule
    comment: str
    key: str | None
    practice: Any


def _setting(default: Any, rule: Rule, comment: str, *, key: str | None = None, practice: Any = None) -> Any:
    return dataclasses.field(default=default, metadata={"spec": Spec(rule, comment, key, practice)})


@dataclass(frozen=True, slots=True)
class Workspace:
    mode: Mode = _setting(Mode.PRACTICE, rules.choice(Mode), "written by init; never changed by hand")


@dataclass(frozen=True, slots=True)
class Weather:
    source: SourceChoice = _setting(
        SourceChoice.AUTO,
        rules.choice(SourceChoice),
        "auto: openweather if a key is known, else practice · openweather · practice",
    )
    base_url: str = _setting("https://api.openweathermap.org", rules.web_address(), "the weather API")
    cities: tuple[str, ...] = _setting(("Portland",), rules.city_names(), "changed by hand or in the console")
    units: Units = _setting(
        Units.STANDARD,
        rules.choice(Units),
        "standard (K, m/s) · metric (°C, m/s) · imperial (°F, mph)",
    )
    timeout_s: float = _setting(10.0, rules.seconds(above=0), "of one call")
    concurrency: int = _setting(16, rules.whole(1, 256), "cities at once")
    calls_per_minute: int = _setting(
        60, rules.whole(0, 1_000_000), "API quota in any 60 seconds, over all processes; 0 = no limit"
    )
    pause_after_429_s: float = _setting(600.0, rules.seconds(), "when the API says the quota is used up")
    deadline_s: float = _setting(1800.0, rules.seconds(above=0), "of one run")
    staging_dir: str = _setting("", rules.text(), "default: <home>/staging")


@dataclass(frozen=True, slots=True)
class Sensor:
    poke_interval_s: float = _setting(10.0, rules.seconds(above=0), "between two looks at the API")
    timeout_s: float = _setting(60.0, rules.seconds(above=0), "then the source is unavailable")


@dataclass(frozen=True, slots=True)
class Retry:
    retries: int = _setting(1, rules.whole(0, 10), "of a task")
    delay_s: float = _setting(120.0, rules.seconds(), "before a retry")


@dataclass(frozen=True, slots=True)
class Schedule:
    enabled: bool = _setting(True, rules.flag(), "the console's background scheduler; hourly, no catch-up")


@dataclass(frozen=True, slots=True)
class Lake:
    url: str = _setting("", rules.lake_address(), "default: <home>/lake · a folder · s3://bucket[/prefix]")
    endpoint_url: str = _setting("", rules.web_address(optional=True), "any S3-compatible server")
    sse: Sse = _setting(Sse.BUCKET_DEFAULT, rules.choice(Sse), '"" (bucket default) · AES256 · aws:kms')
    kms_key_id: str = _setting("", rules.text(), "only with aws:kms")


@dataclass(frozen=True, slots=True)
class Logging:
    level: LogLevel = _setting(LogLevel.INFO, rules.choice(LogLevel), "DEBUG · INFO · WARNING · ERROR")


@dataclass(frozen=True, slots=True)
class Access:
    allow_guest: bool = _setting(
        False,
        rules.flag(),
        "practice workspaces: true – not signed in means least privilege, not refusal",
        practice=True,
    )
    idle_timeout_s: float = _setting(900.0, rules.seconds(above=0), "then a session ends")
    absolute_timeout_s: float = _setting(43_200.0, rules.seconds(above=0), "after its sign-in, used or not")
    trust_ssh_connection: bool = _setting(
        False,
        rules.flag(),
        "true where sshd forces this command: the session's address is SSH_CONNECTION's; else 127.0.0.1",
    )


@dataclass(frozen=True, slots=True)
class Audit:
    checkpoint_file: str = _setting(
        "",
        rules.text(),
        "a file on another disk or a mounted share (relative: to the workspace): signed checkpoints are copied there, "
        "so that a rollback shows",
    )


@dataclass(frozen=True, slots=True)
class Vault:
    keys_dir: str = _setting(
        "", rules.text(), "default: <home>/keys · a folder on a medium that is not stolen or backed up with the data"
    )


@dataclass(frozen=True, slots=True)
class Smtp:
    host: str = _setting("", rules.text(), "for one-time codes and alerts; the password is a secret")
    port: int = _setting(587, rules.whole(1, 65_535), "submission with STARTTLS")
    username: str = _setting("", rules.text(), "empty: no sign-in to the mail server")
    sender: str = _setting("", rules.mail_address(), "the address that mail comes from", key="from")


SECTIONS: Mapping[str, type[Any]] = {
    "workspace": Workspace,
    "weather": Weather,
    "sensor": Sensor,
    "retry": Retry,
    "schedule": Schedule,
    "lake": Lake,
    "logging": Logging,
    "access": Access,
    "audit": Audit,
    "vault": Vault,
    "smtp": Smtp,
}


def specs_of(section: type[Any]) -> dict[str, tuple[dataclasses.Field[Any], Spec]]:
    """The fields of a section by their key in the file."""
    pairs = ((field, cast(Spec, field.metadata["spec"])) for field in dataclasses.fields(section))
    return {spec.key or field.name: (field, spec) for field, spec in pairs}
