"""`config.toml` as a TOML document, or a `ConfigError` that names the line without showing it."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

from console.config_errors import ConfigError, Problem

LARGEST_FILE = 1_048_576  # bytes; a config.toml beyond this is not one


def read_document(path: Path) -> dict[str, Any]:
    """The TOML of `path`, {} if there is no such file. Raises ConfigError, with the line that is not TOML."""
    expected = "a text file in TOML"
    try:
        content = _content(path)
    except OSError as error:
        raise ConfigError([_unreadable(path, error)]) from error
    if content is None:
        raise ConfigError([Problem(str(path), "file", f"{expected} of at most 1 MiB", "something else")])
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(str(path), f"line {line}", "UTF-8", "other bytes")]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(path, str(error), content)]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([Problem(str(path), "file", expected, "a number or a nesting beyond all use")]) from error


def _content(path: Path) -> bytes | None:
    """The bytes of `path`: empty if it is missing, None if it is no file or too large. Raises OSError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return b""
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
        return None
    return path.read_bytes()


def _unreadable(path: Path, error: OSError) -> Problem:
    """Why the file cannot be read, whose it is, and what lets it be read."""
    expected, found = "a readable file", error.strerror or "an error"
    with suppress(OSError):
        status, user = path.stat(), os.geteuid()
        if isinstance(error, PermissionError):
            theirs = "" if status.st_uid == user else f"`chown {user} {path}`, if you trust it, and "
            expected += f" ({theirs}`chmod 600 {path}`)"
            found += f" (mode {stat.S_IMODE(status.st_mode):04o}, of the user {status.st_uid})"
    return Problem(str(path), "file", expected, found)


def _syntax_problem(path: Path, message: str, content: bytes) -> Problem:
    """Where the file stops being TOML. The line itself is not shown: it may hold a secret."""
    place = re.search(r"line (\d+)", message)
    line = int(place[1]) if place else content.rstrip().count(b"\n") + 1
    reason = re.sub(r" \(at .*\)$", "", message)
    return Problem(str(path), f"line {line}", 'TOML such as `key = "value"`', f"something else ({reason})")
