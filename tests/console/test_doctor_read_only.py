"""`lakewarden doctor` of a workspace that lies on a read-only file system: that is what is to be mended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.settings import load_settings
from console.wiring import doctor
from tests.practice import prepare


@pytest.mark.parametrize("read_only", [True, False])
def test_a_read_only_file_system_is_named_and_nothing_is_to_be_restored_because_of_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    """Only the system's word on the mount is made up: to mount one takes a privilege that tests may not have."""
    prepare(workspace)
    (workspace / "etl.db").write_bytes(b"damaged " * 1000)
    (workspace / "clinical.db").write_bytes(b"damaged " * 1000)
    told = list(os.statvfs(workspace))
    told[8] = os.ST_RDONLY if read_only else 0  # f_flag
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(told))
    report = doctor.examine(load_settings({"LAKEWARDEN_HOME": str(workspace)}))
    checks = {check.name: check for check in report.checks}
    assert checks["workspace"].ok is not read_only
    assert ("a read-only file system" in checks["workspace"].detail) is read_only
    for name in ("history", "clinical"):
        assert not checks[name].ok
        assert checks[name].remedy.startswith("mount the file system of " if read_only else "restore ")
