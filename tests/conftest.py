"""What many tests share: a workspace, a clock that steps when told, simulated servers, and the command itself.

Everything runs for real on this machine's loopback: the command as a process, SQLite files, sockets, threads.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import hypothesis
import pytest

from console.config_file import create_workspace
from etl.cities import city_of
from etl.history.database import Database
from etl.lake.folder import FolderLake
from etl.models import RunPolicy, Trigger, Units, hour_of
from etl.ports import Lake, Source
from etl.run import RunnerParts, RunOutcome, RunRequest
from etl.runner import Runner
from etl.sources.openweather import OpenWeather
from etl.sources.practice import practice_source
from security.identity.account import Role
from tests import practice, production
from tests.command_server import CommandServer
from tests.simulators.weather_api import WeatherApiSimulator

hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: no worker ends last with them, and those that share a Spark or an Airflow stay together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


START = datetime(2026, 11, 23, 21, 17, 5, tzinfo=UTC)
HOUR = hour_of(START)
API_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
PATIENCE_S = 30.0
ROOT = Path(__file__).parent.parent

# Carried out before the command where a test wants the limits of an ordinary account or of a full disk.
# Root ignores file modes; a process whose bounding set lacks these two capabilities does not.
_LIMITED = """
import ctypes, os, resource, sys
largest, *argv = sys.argv[1:]
if int(largest) >= 0:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
if os.geteuid() == 0:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
os.execv(argv[0], argv)
"""


def pytest_configure() -> None:
    """Heed signals even if whoever started the tests ignores them (nohup, a background job): children inherit that."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def wait_until(condition: Callable[[], object], *, timeout_s: float = PATIENCE_S) -> None:
    """Return once `condition` holds; fail the test if it does not within `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"waited {timeout_s:g} s for something that did not happen"
        time.sleep(0.005)


class SteppableClock:
    """A clock that moves only when told: `advance` lets time pass, `step` changes the wall clock alone."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._steady_s = 1000.0
        self._lock = threading.Lock()
        self._reads = 0

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def steady_s(self) -> float:
        with self._lock:
            self._reads += 1
            return self._steady_s

    def await_looks(self, count: int = 12) -> None:
        """Return once whoever waits has looked at this clock some more times, and so has seen what it shows."""
        enough = self._reads + count
        wait_until(lambda: self._reads >= enough)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)
            self._steady_s += seconds

    def step(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)


class Running:
    """A run in a thread of its own; `outcome` waits for its end and raises what it raised."""

    def __init__(self, work: Callable[[threading.Event], RunOutcome]) -> None:
        self.stop = threading.Event()
        self._outcome: RunOutcome | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._carry_out, args=(work,), daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    @property
    def outcome(self) -> RunOutcome:
        self.join()
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        return self._outcome

    def join(self) -> None:
        self._thread.join(PATIENCE_S)
        assert self.ended, "the run did not end"

    def _carry_out(self, work: Callable[[threading.Event], RunOutcome]) -> None:
        try:
            self._outcome = work(self.stop)
        except Exception as error:  # noqa: BLE001 – thread boundary: handed to the test by `outcome`
            self._error = error


class Pipeline:
    """The pipeline of one workspace without the console: real files, a real history, a simulated API."""

    def __init__(self, home: Path, api: WeatherApiSimulator, clock: SteppableClock) -> None:
        self.home = home
        self.api = api
        self.clock = clock
        self.staging = home / "staging"
        self.lake_dir = home / "lake"
        self.locks = home / "locks"
        self.policy = RunPolicy(calls_per_minute=0)
        self.timeout_s = 5.0
        self._databases: list[Database] = []
        self._running: list[Running] = []
        self.database = self.open_database()

    def open_database(self) -> Database:
        """One more connection, as another process would have."""
        database = Database(self.home / "etl.db", lock_file=self.locks / "etl.db.lock", now=self.clock.now)
        self._databases.append(database)
        return database

    def runner(
        self, *, source: str = "openweather", lake: Lake | None = None, opened: Source | None = None, **policy: Any
    ) -> Runner:
        """A runner with its own connection; `policy` replaces values of the policy."""

        def open_source(units: Units) -> Source:
            if opened is not None:
                return opened
            if source == "practice":
                return practice_source(units=units, timeout_s=self.timeout_s, connections=4, clock=self.clock)
            return OpenWeather(
                api_key=API_KEY,
                base_url=self.api.base_url,
                units=units,
                timeout_s=self.timeout_s,
                connections=self.policy.concurrency,
            )

        return Runner(
            RunnerParts(
                database=self.open_database(),
                source_name=source,
                lake_url=str(self.lake_dir),
                open_source=open_source,
                open_lake=lambda: lake or FolderLake(self.lake_dir),
                staging_dir=self.staging,
                locks_dir=self.locks,
                policy=dataclasses.replace(self.policy, **policy),
                clock=self.clock,
            )
        )

    def request(
        self, *names: str, at: datetime = HOUR, force: bool = False, trigger: Trigger = Trigger.CRON
    ) -> RunRequest:
        return RunRequest(at, tuple(city_of(name) for name in names or ("Portland",)), trigger, force=force)

    def run(self, *names: str, at: datetime = HOUR, force: bool = False, **runner: Any) -> RunOutcome:
        """One call of the hour, to its end."""
        return self.runner(**runner).run(self.request(*names, at=at, force=force))

    def start(self, *names: str, at: datetime = HOUR, force: bool = False, **runner: Any) -> Running:
        """One call of the hour, in a thread."""
        made, request = self.runner(**runner), self.request(*names, at=at, force=force)
        self._running.append(Running(lambda stop: made.run(request, stop=stop)))
        return self._running[-1]

    def advance_until(self, condition: Callable[[], object], *, step_s: float) -> float:
        """Let time pass in steps until `condition` holds, looking for a while after each; the seconds it took."""
        for steps in range(1, 100):
            self.clock.advance(step_s)
            end = time.monotonic() + 0.4  # the coordinator looks at its clock four times a second
            while time.monotonic() < end:
                if condition():
                    return steps * step_s
                time.sleep(0.005)
        raise AssertionError(f"after {100 * step_s:g} s on the clock it still has not happened")

    def await_rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows, once there are any."""
        wait_until(lambda: self.rows(sql, *parameters))
        return self.rows(sql, *parameters)

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.database.query(sql, parameters)

    def objects(self) -> list[str]:
        """The keys in the lake, sorted."""
        found = (path for path in self.lake_dir.rglob("*.json") if path.is_file())
        return sorted(str(path.relative_to(self.lake_dir)) for path in found)

    def close(self) -> None:
        for running in self._running:
            running.stop.set()
        self.api.release()
        for running in self._running:
            running.join()
        for database in self._databases:
            database.close()


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Lakewarden:
    """The command, as a process in a clean environment: no key, no AWS, no terminal, UTC unless told otherwise."""

    def __init__(self, home: Path, folder: Path, server: CommandServer) -> None:
        self.home = home
        self.folder = folder
        self._server = server
        self.environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "LAKEWARDEN_HOME": str(home),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def sign_in(self, user: str) -> None:
        """From now on commands are those of this practice account, its second factor just given."""
        practice.signed_in(self.home, self.environ, user)

    def make_production(self) -> None:
        """Make the workspace for production, without an account: as one from before there were any."""
        create_workspace(self.home, production=True)

    def enrol(self, user: str, role: Role) -> None:
        """From now on commands are those of this new account of a production workspace."""
        production.signed_in(self.home, self.environ, user, role)

    def use(self, api: WeatherApiSimulator, *, key: str = API_KEY) -> None:
        """From now on the weather comes from the simulated API, at once and without a quota."""
        self.environ |= {
            "OPENWEATHER_API_KEY": key,
            "LAKEWARDEN_WEATHER__BASE_URL": api.base_url,
            "LAKEWARDEN_WEATHER__CALLS_PER_MINUTE": "0",
        }

    def __call__(self, *arguments: str, stdin: bytes = b"", timeout_s: float = PATIENCE_S, **options: Any) -> Ended:
        """Run the command to its end. `options` as for `start`."""
        environ = self.environ | dict(options.get("env") or {})
        if options.keys() <= {"env"} and self._server.takes(arguments, environ, stdin):
            code, written, told = self._server.run(arguments, environ, self.folder, stdin, timeout_s)
            return Ended(code, written.decode(), told.decode())
        process = self.start(*arguments, stdin=subprocess.PIPE, **options)
        out, err = process.communicate(stdin, timeout=timeout_s)
        return Ended(process.returncode, out.decode(), err.decode())

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        largest_file: int | None = None,
        ordinary: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start the command. `env` is added; `largest_file` bytes is what a file may have, as on a full disk;
        `ordinary` lets file modes bind even root. Both output streams are pipes."""
        command = [sys.executable, "-m", "console", *arguments]
        if largest_file is not None or ordinary:
            limit = -1 if largest_file is None else largest_file
            env = {"PYTHONDONTWRITEBYTECODE": "1", **(env or {})}  # Python would leave its caches cut off
            command = [sys.executable, "-c", _LIMITED, str(limit), *command]
        return self.spawn(command, env=env, stdin=stdin)

    def shell(self, script: str, *, env: Mapping[str, str] | None = None) -> Ended:
        """Run a shell script in which `lakewarden` is the command."""
        define = f'lakewarden() {{ "{sys.executable}" -m console "$@"; }}\n'
        process = self.spawn(["/bin/bash", "-c", define + script], env=env, stdin=subprocess.DEVNULL)
        out, err = process.communicate(timeout=PATIENCE_S)
        return Ended(process.returncode, out.decode(), err.decode())

    def spawn(
        self, command: Sequence[str], *, env: Mapping[str, str] | None, stdin: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            env=self.environ | dict(env or {}),
            cwd=self.folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End what a test left running, each process by its own handle."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def await_hour_with_room(seconds: float = 30.0) -> datetime:
    """The current hour, once it has at least `seconds` left, so that two commands of a test share it."""

    def left() -> float:
        now = datetime.now(UTC)
        return (hour_of(now) + timedelta(hours=1) - now).total_seconds()

    wait_until(lambda: left() >= seconds, timeout_s=seconds + PATIENCE_S)
    return hour_of(datetime.now(UTC))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Where a workspace may be made; nothing is there yet."""
    return tmp_path / "home"


@pytest.fixture
def clock() -> SteppableClock:
    return SteppableClock()


@pytest.fixture
def api() -> Iterator[WeatherApiSimulator]:
    with WeatherApiSimulator() as simulator:
        yield simulator


@pytest.fixture
def pipeline(workspace: Path, api: WeatherApiSimulator, clock: SteppableClock) -> Iterator[Pipeline]:
    made = Pipeline(workspace, api, clock)
    yield made
    made.close()


@pytest.fixture
def this_hour() -> datetime:
    """The current UTC hour, with enough of it left for a test."""
    return await_hour_with_room()


@pytest.fixture(scope="session")
def command_server() -> Iterator[CommandServer]:
    made = CommandServer()
    yield made
    made.close()


@pytest.fixture
def lakewarden(workspace: Path, tmp_path: Path, command_server: CommandServer) -> Iterator[Lakewarden]:
    made = Lakewarden(workspace, tmp_path, command_server)
    yield made
    made.close()
