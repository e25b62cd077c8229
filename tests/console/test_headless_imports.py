"""The headless path loads only what it uses: never the console's toolkit, and no AWS library for a folder lake."""

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


def loaded(lakewarden: Lakewarden, *arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    process = lakewarden.spawn([sys.executable, "-c", _REPORT, *arguments], env=None, stdin=subprocess.DEVNULL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
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


def test_a_run_that_is_done_already_needs_no_client(lakewarden: Lakewarden) -> None:
    lakewarden("--run-once")
    assert not loaded(lakewarden, "--run-once") & {"httpx", "etl.sources.openweather", "etl.lake.folder"}


def test_importing_every_package_does_nothing_to_the_environment(lakewarden: Lakewarden) -> None:
    script = "import console.cli.main, console.settings, etl.runner, etl.scheduler, security.vault.secrets"
    process = lakewarden.spawn([sys.executable, "-c", script], env=None, stdin=subprocess.DEVNULL)
    assert process.communicate(timeout=20) == (b"", b"")
    assert not lakewarden.home.exists()
