"""Folders for temporary files: private, removed by who made them, or by the next one where a process was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from warehouse.errors import StoreError
from warehouse.scratch import ScratchFolder

_HOLD = """
import sys
from pathlib import Path
from warehouse.scratch import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]), "load")
(folder.path / "half").write_text("rows")
print(folder.path, flush=True)
sys.stdin.read()
"""


def test_a_folder_is_for_this_account_alone_and_goes_with_what_is_in_it(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path / "tmp", "load") as folder:
        assert folder.parent == tmp_path / "tmp"
        (folder / "rows").write_text("1")
        assert [path.stat().st_mode & 0o777 for path in (folder.parent, folder)] == [0o700, 0o700]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_folder_of_a_killed_process_is_swept_by_the_next_and_one_in_use_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            held = Path(process.stdout.readline().strip())
            with ScratchFolder(tmp_path, "load"), ScratchFolder(tmp_path, "load"):
                assert (held / "half").exists()
        finally:
            process.kill()
    (tmp_path / "load.csv").write_text("not ours")
    with ScratchFolder(tmp_path, "duckdb"):
        assert held.exists()
    with ScratchFolder(tmp_path, "load") as folder:
        assert sorted(tmp_path.iterdir()) == sorted([folder, tmp_path / "load.csv"])


def test_a_place_that_cannot_be_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "tmp").write_text("a file in the way")
    with pytest.raises(StoreError, match="no folder for temporary files can be made in"):
        ScratchFolder(tmp_path / "tmp", "load")
