"""The only writer of the workspace folder and of its `config.toml`: making them, and changing the cities.

Whole or not at all, and safe between processes that start or edit at once.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sqlite3
import stat
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any

from console.config_document import read_document
from console.config_errors import ConfigError, Problem, WorkspaceError
from console.setting_rules import shown
from console.setting_sections import NETWORKS, PRACTICE_NETWORKS, SECTIONS, Mode, specs_of
from console.settings import HOME_VARIABLE, Settings
from etl.cities import cities_of, city_of, same_city
from etl.files import sync_folder, write_temporary, write_whole

SUBFOLDERS = ("keys", "locks", "logs", "exports", "staging", "lake")
CITIES_VARIABLE = "LAKEWARDEN_WEATHER__CITIES"

_INIT = {Mode.PRACTICE: "`lakewarden init`", Mode.PRODUCTION: "`lakewarden init --production`"}

# With accounts and no practice password it was made for production, whatever it says: `security.identity.core`, 2.
_MADE_AS = (
    "SELECT practice AND (NOT EXISTS (SELECT 1 FROM account) OR EXISTS (SELECT 1 FROM practice_password)) "
    "FROM workspace"
)

_LIVE = (
    "mode",
    "cities",
)  # written as values; every other key as a comment, so that its default stays in one place


class Written(Enum):
    """What a call has done about the `config.toml` of a workspace."""

    NOT = "it was there, and an existing one is never changed"
    NEW = "made for a new workspace"
    ANEW = "made with the defaults beside accounts: the one they had was lost"


def create_workspace(home: Path, *, production: bool) -> Written:
    """Make `home` a workspace: the folder (0700), its subfolders and a commented `config.toml`.

    Raises ConfigError if `home` is no folder, belongs to another user, lets others write, is a practice workspace
    where `production` is wanted, or has accounts of the other kind; WorkspaceError if the disk refuses.
    """
    config_file = home / "config.toml"
    mode = Mode.PRODUCTION if production else Mode.PRACTICE
    try:
        _make_private(home)
        made = mode_of_accounts(home)
        if not config_file.exists():
            _require_accounts_of(mode, made, home)
        for name in SUBFOLDERS:
            (home / name).mkdir(mode=0o700, exist_ok=True)
        created = not config_file.exists() and _write_new(config_file, config_text(mode).encode())
    except OSError as error:
        raise _unwritable(home, error) from error
    if not created:
        _require_mode(config_file, made, production=production)
        return Written.NOT
    return Written.NEW if made is None else Written.ANEW


def mode_of_accounts(home: Path) -> Mode | None:
    """What the identity database of `home` was made as; None where there is none, or none that can be read.

    One row is read and nothing written: quick enough for every run.
    """
    path = home / "identity.db"
    with suppress(OSError, sqlite3.Error):
        if path.stat().st_size == 0:  # beside an empty one SQLite would remove a write-ahead log
            return None
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            row = connection.execute(_MADE_AS).fetchone()
            return None if row is None else Mode.PRACTICE if row[0] else Mode.PRODUCTION
    return None


def open_or_create_workspace(home: Path) -> None:
    """Make `home` private if it is a workspace, else make it a practice workspace.

    Raises ConfigError if others can write in `home` or its `config.toml` was lost, as a workspace that held real
    data must not go on as practice; else as `create_workspace`.
    """
    if (home / "config.toml").exists():
        _keep_private(home)
        return
    # Looked at in this order, since another process may be making the workspace: its config.toml comes first.
    left = next(_contents(home), None)
    if left is not None and not (home / "config.toml").exists():
        raise _lost(home, left)
    create_workspace(home, production=False)


def _lost(home: Path, left: str) -> ConfigError:
    made = mode_of_accounts(home)
    if made is None:
        ways = f"{_INIT[Mode.PRACTICE]} (practice) or {_INIT[Mode.PRODUCTION]} makes a new one for what is there"
    else:
        ways = f"{_INIT[made]} makes a new one with the defaults for what is there"
    expected = f"the settings of this {f'{made} ' if made else ''}workspace (restore it, or {ways})"
    return ConfigError([Problem(str(home / "config.toml"), "file", expected, f"no such file beside {left}")])


def _contents(home: Path) -> Iterator[str]:
    """What only a workspace in use has in it."""
    stores = ("etl.db", "secrets.json", "identity.db", "clinical.db", "audit.db")
    yield from (name for name in stores if os.path.lexists(home / name))
    yield from (f"keys/{path.name}" for path in (home / "keys").glob("kek-*"))


def _make_private(home: Path) -> None:
    """Make `home` if missing; refuse one that others could have filled; let nobody else read it."""
    if not os.path.lexists(home):
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    if not home.is_dir():
        raise _unfit(home, "a folder", "something else of that name")
    status = home.stat()
    if status.st_uid != os.geteuid():
        raise _unfit(home, f"a folder of the user {os.geteuid()}", f"one of the user {status.st_uid}")
    _keep_private(home)


def _keep_private(home: Path) -> None:
    """Refuse a folder that others can write; let nobody else read our own. Raises ConfigError, OSError."""
    status = home.stat()
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o022:
        expected = f"a folder that only its owner can write (check what is in it, then `chmod 700 {home}`)"
        raise _unfit(home, expected, f"mode {mode:04o}")
    if mode & 0o077 and status.st_uid == os.geteuid():
        home.chmod(0o700)


def _unfit(home: Path, expected: str, found: str) -> ConfigError:
    return ConfigError([Problem(str(home), HOME_VARIABLE, expected, found)])


def _unwritable(home: Path, error: OSError) -> WorkspaceError:
    reason = error.strerror or type(error).__name__
    if not _is_full(error):  # of a full disk no file is the cause
        reason = f"{reason} ({error.filename or home})"
    return WorkspaceError(
        f"{home}: expected a folder that can hold the workspace, found: {reason}; {remedy(error)}, or name another in "
        f"{HOME_VARIABLE}"
    )


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def remedy(error: OSError) -> str:
    """What to do about a file or folder that cannot be written."""
    return "make room there" if _is_full(error) else "make it writable"


def _write_new(path: Path, body: bytes) -> bool:
    """Put `body` at `path` if nothing is there, whole or not at all; False if another process was first."""
    temporary = write_temporary(path.parent, body)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def _require_accounts_of(mode: Mode, made: Mode | None, home: Path) -> None:
    """Return unless there are accounts of the other kind. Raises ConfigError."""
    if made is not None and made is not mode:
        expected = f'"{made}", as the accounts beside it were made ({_INIT[made]} makes the settings anew)'
        found = f'"{mode}"; practice and real data never share a workspace'
        raise ConfigError([Problem(str(home / "config.toml"), "workspace.mode", expected, found)])


def _require_mode(config_file: Path, made: Mode | None, *, production: bool) -> None:
    """Return if the mode in the file is that of the accounts, and production where wanted. Raises ConfigError."""
    workspace = read_document(config_file).get("workspace")
    mode = workspace.get("mode", "practice") if isinstance(workspace, dict) else "practice"
    if made is not None and made != mode:
        raise changed_mode(config_file, made, mode)
    if production and mode != Mode.PRODUCTION:
        expected = f"an empty place for a production workspace (name another folder in {HOME_VARIABLE})"
        found = f"a workspace whose mode is {shown(mode)}; practice data and real data never share one"
        raise ConfigError([Problem(str(config_file), "workspace.mode", expected, found)])


def changed_mode(config_file: Path, made: Mode, found: object) -> ConfigError:
    """What is raised where the settings say another mode than the accounts were made for."""
    expected = f'"{made}", as the accounts beside it were made (a workspace stays what it was made as)'
    return ConfigError([Problem(str(config_file), "workspace.mode", expected, shown(found))])


def config_text(mode: Mode) -> str:
    """A new `config.toml`: `mode` and the cities set, every other key a comment with its default."""
    lines = ["# Lakewarden. Take the # away from a key to set it; what stands behind it is its default.", ""]
    for name, section in SECTIONS.items():
        lines.append(f"[{name}]")
        for key, (field, spec) in specs_of(section).items():
            in_practice = mode is Mode.PRACTICE and spec.practice is not None
            value = spec.practice if in_practice else field.default
            value = mode if (name, key) == ("workspace", "mode") else value
            mark = "" if key in _LIVE else "# "
            lines.append(f"{f'{mark}{key} = {_toml(value)}':<40}  # {spec.comment}")
        lines.append("")
    lines.append(f"[{NETWORKS}]  # known places: CIDR = site. Without any, a practice workspace has these three:")
    lines += [f"# {_toml(str(network))} = {_toml(site)}" for network, site in PRACTICE_NETWORKS]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A default as TOML: texts, numbers, flags and lists of texts are written as in JSON."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def edit_cities(settings: Settings, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]:
    """Add and remove cities in `config.toml`, keeping its comments and order; the cities it then holds.

    A city already there is not added again; removing one not there is refused. Concurrent edits all take
    effect. Raises ConfigError if the environment overrides the cities, a name is none, or no city would be
    left; OSError.
    """
    if CITIES_VARIABLE in settings.overridden:
        expected = "no variable while the list in config.toml is edited (it would have no effect)"
        raise ConfigError([Problem(CITIES_VARIABLE, "weather.cities", expected, "the variable is set")])
    where = str(settings.config_file)
    with _locked(settings.locks_dir / "config.lock"):
        return _edit(settings.config_file, list(_checked(where, add)), list(_checked(where, remove)))


def _checked(where: str, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        try:
            yield city_of(name).name
        except ValueError as error:
            raise ConfigError([Problem(where, "weather.cities", "a printable city name", shown(name))]) from error


def _edit(path: Path, add: list[str], remove: list[str]) -> tuple[str, ...]:
    import tomlkit  # heavy, and only an edit needs it
    from tomlkit.items import InlineTable, Table

    read_document(path)  # a file that is not TOML is refused here, with its line
    document = tomlkit.parse(path.read_bytes().decode("utf-8-sig") if path.exists() else "")
    weather = document.setdefault("weather", tomlkit.table())
    if not isinstance(weather, Table | InlineTable):
        raise ConfigError([Problem(str(path), "weather", "a section [weather]", "another kind of value")])
    found = weather.unwrap().get("cities", list(SECTIONS["weather"]().cities))
    gone, new = _change(str(path), found, add, remove)
    array = weather.get("cities", tomlkit.array(json.dumps(found)))
    for index in reversed(range(len(array))):
        if same_city(str(array[index])) in gone:
            array.pop(index)
    array.extend(new)
    weather["cities"] = array
    body = tomlkit.dumps(document)
    cities = [name for name in found if same_city(name) not in gone] + new
    if tomllib.loads(body)["weather"]["cities"] != cities:
        expected = "a list that can be edited without losing anything (please edit it by hand)"
        raise ConfigError([Problem(str(path), "weather.cities", expected, "an unusual way of writing it")])
    write_whole(path, body.encode())
    return tuple(cities)


def _change(where: str, found: object, add: list[str], remove: list[str]) -> tuple[set[str], list[str]]:
    """Which cities of `found` go (as `same_city` spells them) and which names come. Raises ConfigError."""
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ConfigError([Problem(where, "weather.cities", "a list of city names", shown(found))])
    there = {same_city(name) for name in found}
    for name in remove:
        if same_city(name) not in there:
            raise ConfigError([Problem(where, "weather.cities", f"a list with {shown(name)}", "it has none")])
    left = there - {same_city(name) for name in remove}
    new = [city.name for city in cities_of(add)[0] if same_city(city.name) not in left]
    if not left and not new:
        raise ConfigError([Problem(where, "weather.cities", "at least one city to remain", "none would")])
    return there - left, new


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; the kernel frees it if the process dies."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
