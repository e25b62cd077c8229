"""One Spark session in this process: its Java, its settings, its silence, and its end, whatever it is doing."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

from warehouse.errors import EngineMissing, QueryRefused, StoreError
from warehouse.scratch import ScratchFolder

LOCAL = "local[*]"
LEAST_JAVA = 17
DRIVER_MEMORY = "1g"
ENDED_WITHIN_S = 10.0

_LOCAL = re.compile(r"local(\[(\*|[1-9]\d{0,2})\])?")
_CLUSTER = re.compile(r"spark://[A-Za-z0-9.-]+:\d{1,5}(,[A-Za-z0-9.-]+:\d{1,5})*")
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')
_NOISE = ("WARNING", "at ", "Using ", "Setting default", "To adjust")
_QUIET = """
rootLogger.level = fatal
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %m%n
"""


def load_pyspark() -> Any:
    """The pyspark package. Raises `EngineMissing` where it is not installed."""
    try:
        import pyspark
    except ImportError as error:
        raise EngineMissing(
            "Spark is not installed, and this needs it: `pip install '.[spark]'` in Lakewarden's folder, "
            f"and Java {LEAST_JAVA} or newer"
        ) from error
    return pyspark


def check_master(master: str) -> str:
    """`master` if it is one that can be used. Raises `QueryRefused`."""
    if not _LOCAL.fullmatch(master) and not _CLUSTER.fullmatch(master):
        raise QueryRefused(f"--master: expected local, local[N], local[*] or spark://HOST:PORT, found {master[:80]!r}")
    return master


def check_java() -> None:
    """Raises `EngineMissing` unless Java is there and new enough."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    get = f"install Java {LEAST_JAVA} or newer (on Debian and Ubuntu: apt install default-jre-headless)"
    if java is None:
        where = f"JAVA_HOME is {home}, which has no bin/java" if home else "there is no `java` on the PATH"
        raise EngineMissing(f"Spark needs Java {LEAST_JAVA} or newer, and {where}: {get}")
    try:
        ask = [java, "-version"]
        said = subprocess.run(ask, capture_output=True, check=False, text=True, errors="replace", timeout=30).stderr  # noqa: S603 - what Spark will run
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineMissing(f"Spark needs Java {LEAST_JAVA} or newer, and {java} does not run: {get}") from error
    found = _VERSION.search(said)
    version = int(found[2] if found[1] == "1" and found[2] else found[1]) if found else 0
    if version < LEAST_JAVA:
        raise EngineMissing(
            f"Spark needs Java {LEAST_JAVA} or newer, and {java} is Java {version or 'of no version'}: {get}"
        )


class SparkSession:
    """A session that this process starts, alone, and ends. `kill` may be called from any thread, the rest from one.

    Raises `EngineMissing`, `QueryRefused` for a master that cannot be, or `StoreError` if Spark does not start.
    """

    def __init__(self, master: str = LOCAL, *, scratch_dir: Path) -> None:
        self.master = check_master(master)
        self.is_local = self.master.startswith("local")
        self._pyspark = load_pyspark()
        check_java()
        self._scratch_dir = scratch_dir
        self._scratch: ScratchFolder | None = None
        self._gateway: Any = None
        self._context: Any = None
        self._session: Any = None

    @property
    def sql_errors(self) -> tuple[type[Exception], ...]:
        """What Spark raises about a query."""
        from pyspark.errors import PySparkException

        return (PySparkException,)

    @property
    def lost_errors(self) -> tuple[type[Exception], ...]:
        """What is raised when Spark itself is gone."""
        from py4j.protocol import Py4JError

        return (Py4JError, ConnectionError, EOFError)

    def session(self) -> Any:
        """Spark's own session, started if it is not running."""
        if self._gateway is not None and self._gateway.proc.poll() is not None:
            self.close()
        if self._session is None:
            try:
                self._start()
            except BaseException:
                self.close()
                raise
        return self._session

    def cancel(self) -> None:
        """End what is running, from any thread; new stages of it may still begin."""
        if (context := self._context) is not None:
            with contextlib.suppress(Exception):
                context.cancelAllJobs()

    def kill(self) -> None:
        """End Spark's process at once."""
        if (gateway := self._gateway) is not None:
            gateway.proc.kill()

    def abandon(self) -> None:
        """End Spark after a query was: what it was at may go on for long. It starts again when it is next asked for."""
        if self.is_local and self._gateway is not None:
            self._gateway.proc.kill()
            self._gateway.proc.wait()
        self.close()

    def close(self) -> None:
        """End the session and Spark's process."""
        gateway, context, self._gateway, self._context, self._session = self._gateway, self._context, None, None, None
        if gateway is None:
            return
        process = gateway.proc
        if process.poll() is None and context is not None:
            ending = threading.Thread(target=_stop, args=(context,), daemon=True)
            ending.start()
            ending.join(ENDED_WITHIN_S)
        with contextlib.suppress(Exception):
            gateway.shutdown()
        with contextlib.suppress(OSError):
            process.stdin.close()  # Spark's process ends with its input
        try:
            process.wait(ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _forget(self._pyspark)

    def dispose(self) -> None:
        """Close, and remove what lies on the disk."""
        self.close()
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    def _start(self) -> None:
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession as Session

        if self._pyspark.SparkContext._active_spark_context is not None:
            raise StoreError("another Spark session runs in this process; end it first")
        self._scratch = self._scratch or ScratchFolder(self._scratch_dir, "spark")
        scratch = self._scratch.path
        if not self.is_local:
            _check_cluster(self.master)
        configuration = self._pyspark.SparkConf().setAll(self._settings(scratch).items())
        said = scratch / "said.txt"
        in_main = threading.current_thread() is threading.main_thread()
        handler = signal.getsignal(signal.SIGINT)
        try:
            with said.open("wb") as file:
                self._gateway = launch_gateway(configuration, popen_kwargs={"stdout": file, "stderr": file})
            self._context = self._pyspark.SparkContext(conf=configuration, gateway=self._gateway)
            self._context.setLogLevel("OFF")
            self._session = Session(self._context)
        except (*self.sql_errors, *self.lost_errors) as error:
            raise StoreError(f"Spark does not start with --master {self.master}: {_reason(said, error)}") from error
        finally:
            if in_main:
                signal.signal(signal.SIGINT, handler)  # Spark puts its own in place

    def _settings(self, scratch: Path) -> dict[str, str]:
        logging = scratch / "log4j2.properties"
        logging.write_text(_QUIET, encoding="utf-8")
        settings = {
            "spark.app.name": "lakewarden",
            "spark.master": self.master,
            "spark.driver.memory": DRIVER_MEMORY,
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging} -Duser.timezone=UTC",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.local.dir": str(scratch),
            "spark.sql.warehouse.dir": str(scratch / "tables"),
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.ansi.enabled": "true",  # an overflow is an error, not another number
            "spark.sql.runSQLOnFiles": "false",
            "spark.sql.variable.substitute": "false",
            "spark.sql.parser.escapedStringLiterals": "false",
            "spark.sql.caseSensitive": "false",
        }
        if self.is_local:
            settings |= {
                "spark.driver.bindAddress": "127.0.0.1",
                "spark.driver.host": "127.0.0.1",
                "spark.authenticate": "true",
                "spark.sql.shuffle.partitions": "8",
            }
        return settings


def _check_cluster(master: str) -> None:
    """Raises `StoreError` unless something listens there: Spark itself would take a minute to tell."""
    addresses = master.removeprefix("spark://").split(",")
    for address in addresses:
        host, _, port = address.rpartition(":")
        with contextlib.suppress(OSError, OverflowError), socket.create_connection((host, int(port)), timeout=5):
            return
    raise StoreError(f"--master {master}: nothing listens at {', '.join(addresses)}; start the cluster, or correct it")


def _stop(context: Any) -> None:
    with contextlib.suppress(Exception):
        context.stop()


def _forget(pyspark: Any) -> None:
    """Let the package start anew: it keeps its connection to the process in the class."""
    context = pyspark.SparkContext
    context._active_spark_context = context._gateway = context._jvm = None
    from pyspark.sql import SparkSession as Session

    Session._instantiatedSession = None


def _reason(said: Path, error: Exception) -> str:
    lines = [line.strip() for line in said.read_text(encoding="utf-8", errors="replace").splitlines()]
    telling = [line for line in lines if line and not line.startswith(_NOISE)]
    return (telling[0] if telling else str(error).strip().splitlines()[0])[:300]
