"""What the fault tests share: the real command in a workspace of its own, against real servers on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.tasks import FIELDS
from tests.simulators.s3 import fake_environment
from tests.simulators.weather_api import Exchange, Whole, documented_body

LAKEWARDEN = str(Path(sys.executable).parent / "lakewarden")
API_KEY = "0fa1fb0c1de2ad3be4ef5c6d7e8f9a0b"
TIMEOUT_S = 60
FIRST_DT = 1_700_000_000


@dataclass(slots=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def run(self) -> dict[str, Any]:
        """The run that `--json` printed."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def states(self) -> list[str]:
        return [city["state"] for city in self.run["cities"]]


@dataclass(slots=True)
class Workspace:
    """A workspace and how to call the program in it; `settings` are named `section__key`."""

    home: Path
    api: str
    settings: Mapping[str, object] = field(default_factory=dict)
    aws: dict[str, str] = field(default_factory=fake_environment)

    def environ(self, **settings: object) -> dict[str, str]:
        calm = {
            "weather__base_url": self.api,
            "weather__calls_per_minute": 0,
            "sensor__poke_interval_s": 0.1,
            "sensor__timeout_s": 0.5,
            "retry__retries": 0,
            "retry__delay_s": 0,
        }
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LAKEWARDEN_", "AWS_", "OPENWEATHER_"))
        }
        named = {
            f"LAKEWARDEN_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in {**calm, **self.settings, **settings}.items()
        }
        return {**kept, **self.aws, **named, "LAKEWARDEN_HOME": str(self.home), "OPENWEATHER_API_KEY": API_KEY}

    def start(self, *arguments: str, **settings: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [LAKEWARDEN, *arguments],
            env=self.environ(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str, **settings: object) -> Ended:
        """Run a command to its end; whatever it says holds neither the key nor a traceback."""
        ended = end_of(self.start(*arguments, **settings))
        assert "Traceback" not in ended.err, ended.err
        assert API_KEY not in ended.out + ended.err
        return ended

    def once(self, *arguments: str, **settings: object) -> Ended:
        return self.call("--run-once", *arguments, **settings)

    def staged(self) -> list[Path]:
        return sorted(path for path in (self.home / "staging").rglob("*") if path.is_file())

    def assert_no_key_was_written(self) -> None:
        for path in self.home.rglob("*"):
            assert not path.is_file() or API_KEY.encode() not in path.read_bytes(), f"the API key is in {path}"


@dataclass(slots=True)
class Numbered:
    """Each answer has its own `dt`, so that weather fetched twice cannot pass for the same."""

    answers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, exchange: Exchange) -> bool:
        with self.lock:
            self.answers += 1
            dt = FIRST_DT + self.answers
        return Whole(200, documented_body(exchange.city, {"dt": dt})).play(exchange)


def end_of(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a call; one that does not come is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the call did not end within {TIMEOUT_S} s; it said: {out}{err}") from None
    return Ended(process.returncode, out, err)


def assert_whole(bodies: Sequence[bytes]) -> None:
    """Every body is a transformed document."""
    for body in bodies:
        assert tuple(json.loads(body)) == FIELDS
