"""Alone reads `config.toml` and the environment: they become one frozen `Settings` or a `ConfigError`.

Every default stands once, at its field in `console.setting_sections`; `console.config_file` writes the file.
"""

# ruff: noqa: RUF009 - the calls in these class bodies only make fields and frozen values

from __future__ import annotations

import dataclasses
import json
import os
import pwd
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console import setting_rules as rules
from console.config_document import read_document
from console.config_errors import ConfigError, Problem, WorkspaceError
from console.setting_rules import Network, Unfit
from console.setting_sections import (
    NETWORKS,
    PRACTICE_NETWORKS,
    SECTIONS,
    Access,
    Audit,
    Lake,
    Logging,
    LogLevel,
    Mode,
    Retry,
    Schedule,
    Sensor,
    Smtp,
    SourceChoice,
    Sse,
    Vault,
    Weather,
    Workspace,
    specs_of,
)

__all__ = [
    "Access",
    "Audit",
    "ConfigError",
    "Lake",
    "LogLevel",
    "Logging",
    "Mode",
    "Problem",
    "Retry",
    "Schedule",
    "Sensor",
    "Settings",
    "Smtp",
    "SourceChoice",
    "Sse",
    "Vault",
    "Weather",
    "Workspace",
    "WorkspaceError",
    "home_of",
    "load_settings",
]

PREFIX = "LAKEWARDEN_"
HOME_VARIABLE = "LAKEWARDEN_HOME"
API_KEY_VARIABLE = "OPENWEATHER_API_KEY"

_ALL_SECTIONS = ", ".join([*SECTIONS, NETWORKS])
_SECRET_NAME = re.compile(r"passw|secret|token|api_?key|app_?id|credential|access_?key|private_?key")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything configured. `overridden` names the environment variables that replaced a key of the file."""

    home: Path
    workspace: Workspace = Workspace()
    weather: Weather = Weather()
    sensor: Sensor = Sensor()
    retry: Retry = Retry()
    schedule: Schedule = Schedule()
    lake: Lake = Lake()
    logging: Logging = Logging()
    access: Access = Access()
    audit: Audit = Audit()
    vault: Vault = Vault()
    networks: tuple[tuple[Network, str], ...] = ()
    smtp: Smtp = Smtp()
    openweather_api_key: str | None = dataclasses.field(default=None, repr=False)
    overridden: frozenset[str] = frozenset()

    @property
    def practice(self) -> bool:
        return self.workspace.mode is Mode.PRACTICE

    @property
    def config_file(self) -> Path:
        return self.home / "config.toml"

    @property
    def staging_dir(self) -> Path:
        return self.home / (self.weather.staging_dir or "staging")

    @property
    def lake_url(self) -> str:
        """`s3://bucket[/prefix]`, or the absolute path of a folder; a relative one is relative to `home`."""
        url = self.lake.url
        return url if url.startswith("s3://") else str(self.home / (url or "lake"))

    @property
    def etl_db(self) -> Path:
        return self.home / "etl.db"

    @property
    def identity_db(self) -> Path:
        return self.home / "identity.db"

    @property
    def audit_db(self) -> Path:
        return self.home / "audit.db"

    @property
    def clinical_db(self) -> Path:
        return self.home / "clinical.db"

    @property
    def research_db(self) -> Path:
        return self.home / "research.db"

    @property
    def checkpoint_file(self) -> Path | None:
        """Where copies of the audit log's signed checkpoints are kept beside it; None if nowhere."""
        return self.home / self.audit.checkpoint_file if self.audit.checkpoint_file else None

    @property
    def secrets_file(self) -> Path:
        return self.home / "secrets.json"

    @property
    def keys_dir(self) -> Path:
        return self.home / (self.vault.keys_dir or "keys")

    @property
    def logs_dir(self) -> Path:
        return self.home / "logs"

    @property
    def log_file(self) -> Path:
        return self.logs_dir / "lakewarden.log"

    @property
    def exports_dir(self) -> Path:
        return self.home / "exports"

    @property
    def locks_dir(self) -> Path:
        return self.home / "locks"


def load_settings(environ: Mapping[str, str], home: Path | None = None) -> Settings:
    """The settings of the workspace `home` (default: the one `environ` names).

    Rules, in order: (1) the file's values, without a file none; (2) variables `LAKEWARDEN_<SECTION>__<KEY>`
    over them; (3) what neither names has its default, which depends on the workspace's mode. Raises
    ConfigError with every problem found.
    """
    folder = home.absolute() if home is not None else home_of(environ)
    return _Reading(folder, environ).settings()


def home_of(environ: Mapping[str, str]) -> Path:
    """The workspace folder: `LAKEWARDEN_HOME`, else `~/.lakewarden`, absolute. Raises ConfigError."""
    named = environ.get(HOME_VARIABLE, "")
    if "\0" in named:
        raise ConfigError([Problem(HOME_VARIABLE, "home", "a folder", "a text with a NUL")])
    return Path(_expanded(named or "~/.lakewarden", environ)).absolute()


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    """`path` with a leading `~` replaced by the account's folder. Raises ConfigError if that is not known."""
    if path != "~" and not path.startswith("~/"):
        return path
    account = environ.get("HOME", "")
    if not account:
        try:
            account = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError as error:
            raise ConfigError([Problem("HOME", "home", "the account's folder", "nothing")]) from error
    return account + path[1:]


class _Reading:
    """One reading of file and environment: values and problems as they are found."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self.home = home
        self.environ = environ
        self.values: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
        self.networks: dict[Network, str] = {}
        self.origin: dict[tuple[str, str], str] = {}
        self.problems: list[Problem] = []

    def settings(self) -> Settings:
        self._read_file()
        overridden = [name for name in sorted(self.environ) if self._is_setting(name)]
        for name in overridden:
            self._read_variable(name)
        api_key = self._api_key()
        self._check_together()
        self._expand_folders()
        if self.problems:
            raise ConfigError(self.problems)
        practice = self.values["workspace"].get("mode", Mode.PRACTICE) is Mode.PRACTICE
        return Settings(
            home=self.home,
            networks=tuple(self.networks.items()) or (PRACTICE_NETWORKS if practice else ()),
            openweather_api_key=api_key,
            overridden=frozenset(overridden),
            **{name: self._section(name, practice=practice) for name in SECTIONS},
        )

    def _section(self, name: str, *, practice: bool) -> Any:
        section = SECTIONS[name]
        fields = [(field, spec) for field, spec in specs_of(section).values()]
        defaults = {field.name: spec.practice for field, spec in fields if practice and spec.practice is not None}
        return section(**{**defaults, **self.values[name]})

    def _read_file(self) -> None:
        where = str(self.home / "config.toml")
        for section, table in read_document(Path(where)).items():
            if section not in SECTIONS and section != NETWORKS:
                self.problems.append(_unknown(where, "", section, [*SECTIONS, NETWORKS]))
            elif not isinstance(table, dict):
                self.problems.append(Problem(where, section, f"a section [{section}]", "a single value"))
            else:
                for key, value in table.items():
                    self._take(where, section, key, value)

    @staticmethod
    def _is_setting(name: str) -> bool:
        return name.startswith(PREFIX) and ("__" in name or name == PREFIX + NETWORKS.upper())

    def _read_variable(self, name: str) -> None:
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        text = self.environ[name]
        if name != name.upper() or (section not in SECTIONS and section != NETWORKS):
            expected = f"{PREFIX}<SECTION>__<KEY> in upper case, of the sections {_ALL_SECTIONS}"
            self.problems.append(Problem(name, key, expected, "an unknown variable"))
        elif (section, key) == ("workspace", "mode"):
            expected = "no variable: for safety only `lakewarden init` sets the mode of a workspace, in config.toml"
            self.problems.append(Problem(name, "workspace.mode", expected, rules.shown(text)))
        elif section == NETWORKS and not key:
            self._read_networks(name)
        else:
            self._take(name, section, key, text, from_text=True)

    def _read_networks(self, name: str) -> None:
        """Take all networks from one JSON object, in place of the file's."""
        try:
            table = json.loads(self.environ[name])
        except (ValueError, RecursionError):
            table = None
        if not isinstance(table, dict):
            expected = 'a JSON object such as {"10.0.0.0/8": "ward 3"}'
            self.problems.append(Problem(name, NETWORKS, expected, rules.shown(self.environ[name])))
            return
        self.networks.clear()
        for cidr, site in table.items():
            self._take_network(name, cidr, site)

    def _take(self, where: str, section: str, key: str, value: object, *, from_text: bool = False) -> None:
        """Read one value by its rule into `values`, or note the problem."""
        if section == NETWORKS:
            self._take_network(where, key, value)
            return
        specs = specs_of(SECTIONS[section])
        if key not in specs:
            self.problems.append(_unknown(where, section, key, specs))
            return
        field, spec = specs[key]
        try:
            typed = spec.rule.from_text(str(value)) if from_text else value
            self.values[section][field.name] = spec.rule.read(typed)
            self.origin[section, field.name] = where
        except (ValueError, RecursionError) as error:
            unfit = error if isinstance(error, Unfit) else Unfit()
            expected, found = unfit.expected or spec.rule.expected, unfit.found or rules.shown(value)
            self.problems.append(Problem(where, f"{section}.{key}", expected, found))

    def _take_network(self, where: str, cidr: str, site: object) -> None:
        key = f"{NETWORKS}.{cidr!r}"
        try:
            network = rules.network(cidr)
        except Unfit as error:
            self.problems.append(Problem(where, key, str(error.expected), rules.shown(cidr)))
            return
        try:
            self.networks[network] = rules.site(site)
        except Unfit:
            self.problems.append(Problem(where, key, rules.SITE_EXPECTED, rules.shown(site)))

    def _api_key(self) -> str | None:
        """The weather API's key from the environment, trimmed; its value is never part of a message."""
        key = self.environ.get(API_KEY_VARIABLE, "").strip()
        if key and not rules.is_api_key(key):
            found = "a value that is not one (not shown)"
            self.problems.append(Problem(API_KEY_VARIABLE, "key", rules.API_KEY_EXPECTED, found))
        return key or None

    def _check_together(self) -> None:
        lake = self.values["lake"]
        if lake.get("kms_key_id") and lake.get("sse", Sse.BUCKET_DEFAULT) is not Sse.KMS:
            found = f"sse = {json.dumps(lake.get('sse', Sse.BUCKET_DEFAULT))} beside it"
            expected = 'sse = "aws:kms" where a key id is given'
            self.problems.append(Problem(self.origin["lake", "kms_key_id"], "lake.kms_key_id", expected, found))
        smtp = self.values["smtp"]
        if smtp.get("host") and not smtp.get("sender") and "smtp.from" not in {each.key for each in self.problems}:
            expected = f"{rules.MAIL_ADDRESS_EXPECTED}, where smtp.host is set"
            self.problems.append(Problem(self.origin["smtp", "host"], "smtp.from", expected, "nothing"))

    def _expand_folders(self) -> None:
        for section, key in (
            ("weather", "staging_dir"),
            ("lake", "url"),
            ("audit", "checkpoint_file"),
            ("vault", "keys_dir"),
        ):
            if path := self.values[section].get(key):
                self.values[section][key] = _expanded(path, self.environ)


def _unknown(where: str, section: str, key: str, known: Iterable[str]) -> Problem:
    """The problem of an unknown key or section. Its value is not shown: it may be a secret."""
    named = f"{section}.{key}" if section else key
    if _SECRET_NAME.search(key.lower()):
        expected = f"no secret here; instead: {_home_of_secret(section)}"
        return Problem(where, named, expected, "a secret (not shown)")
    kind = "keys" if section else "sections"
    return Problem(where, named, f"one of the {kind} {', '.join(known)}", f"the unknown {key!r}")


def _home_of_secret(section: str) -> str:
    match section:
        case "smtp":
            return "`lakewarden secrets set smtp_password`"
        case "weather":
            return f"`lakewarden secrets set openweather_api_key`, or the variable {API_KEY_VARIABLE}"
        case "lake":
            return "an instance role, a profile or the standard AWS variables"
        case _:
            return "`lakewarden secrets set NAME`"
