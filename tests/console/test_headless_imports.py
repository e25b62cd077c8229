"""The headless path loads only what it uses: never the console's toolkit, no AWS library for a folder lake, and for
what the host's own service does, nothing that decides or records.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import Lakewarden

_REPORT = """
import sys
sys.argv = ["lakewarden", *sys.argv[1:]]
from console.__main__ import main
code = main()
print("\\n".join(sorted({name.partition(".")[0] for name in sys.modules} | set(sys.modules))), file=sys.stderr)
sys.exit(code)
"""


DECIDING = {"security.access", "security.audit.log", "security.identity.sessions", "security.policy.engine", "cedarpy"}


def loaded(lakewarden: Lakewarden, *arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    return reported(started(lakewarden, *arguments))


def started(lakewarden: Lakewarden, *arguments: str) -> subprocess.Popen[bytes]:
    return lakewarden.spawn([sys.executable, "-c", _REPORT, *arguments], env=None, stdin=subprocess.DEVNULL)


def reported(process: subprocess.Popen[bytes], *, code: int = 0) -> set[str]:
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    return set(err.decode().split())


@pytest.mark.parametrize(
    "arguments", [["--run-once"], ["runs"], ["runs", "--json"], ["doctor"], ["runs", "show", "latest"]]
)
def test_no_command_imports_textual(lakewarden: Lakewarden, arguments: list[str]) -> None:
    lakewarden("--run-once")
    modules = loaded(lakewarden, *arguments)
    assert "console.cli.main" in modules
    assert not modules & {"textual", "console.tui"}


def test_a_folder_lake_and_a_practice_source_need_no_aws_and_no_cryptography(lakewarden: Lakewarden) -> None:
    modules = loaded(lakewarden, "--run-once")
    assert "etl.lake.folder" in modules
    assert not modules & {"boto3", "botocore", "tomlkit", "schedule", "cryptography"}


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize(
    "arguments",
    [["--run-once"], ["init"], ["airflow", "dags-folder"], ["warehouse", "build", "--background", "--rows", "50"]],
    ids=lambda arguments: arguments[0],
)
def test_the_service_loads_nothing_that_decides(lakewarden: Lakewarden, arguments: list[str], signed_in: bool) -> None:
    if signed_in:
        lakewarden.sign_in("auditor")
    modules = loaded(lakewarden, *arguments)
    assert "console.cli.main" in modules
    assert not modules & DECIDING


def test_the_scheduler_loads_nothing_that_decides(lakewarden: Lakewarden) -> None:
    process = started(lakewarden, "scheduler")
    assert process.stderr is not None
    assert b"hourly runs" in process.stderr.readline()
    process.terminate()
    modules = reported(process, code=143)
    assert "etl.scheduler" in modules
    assert not modules & DECIDING


@pytest.mark.parametrize("arguments", [["--run-once", "--now"], ["warehouse", "build", "--rows", "50"]], ids=" ".join)
def test_what_a_person_or_the_service_does_loads_it_only_for_somebody_who_is_signed_in(
    lakewarden: Lakewarden, arguments: list[str]
) -> None:
    assert not loaded(lakewarden, *arguments) & DECIDING
    lakewarden.sign_in("operator")
    assert loaded(lakewarden, *arguments) >= {"security.access", "cedarpy"}


def test_a_run_that_is_done_already_needs_no_client(lakewarden: Lakewarden) -> None:
    lakewarden("--run-once")
    assert not loaded(lakewarden, "--run-once") & {"httpx", "etl.sources.openweather", "etl.lake.folder"}


def test_importing_every_package_does_nothing_to_the_environment(lakewarden: Lakewarden) -> None:
    script = "import console.cli.main, console.settings, etl.runner, etl.scheduler, security.vault.secrets"
    process = lakewarden.spawn([sys.executable, "-c", script], env=None, stdin=subprocess.DEVNULL)
    assert process.communicate(timeout=20) == (b"", b"")
    assert not lakewarden.home.exists()
