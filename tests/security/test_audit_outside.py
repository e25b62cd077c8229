"""What lies outside when a log is opened: copies of its own, of another's, and whatever was appended to them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from security.audit.checkpoint import Checkpoint
from security.audit.file_keeper import FileKeeper
from security.audit.keys import AuditKeys
from security.errors import AuditUnavailable, CopiesForeign
from security.vault.keys import Key
from tests.security.audit_logs import LogFolder, event

OTHER = AuditKeys.of(Key("0001-ffffffff", b"\xff" * 32))
FOREIGN = "".join(f"{Checkpoint(OTHER.origin, size, bytes(32)).sign(OTHER.signer)}\n" for size in range(60))


@pytest.fixture
def folder(tmp_path: Path) -> LogFolder:
    return LogFolder(tmp_path)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return tmp_path / "outside"


def append(folder: LogFolder, outside: Path, count: int) -> None:
    with folder.open(keepers=[FileKeeper(outside)]) as log:
        log.append([event(number) for number in range(count)])


def test_copies_of_another_log_alone_are_refused_and_left_as_they_are(folder: LogFolder, outside: Path) -> None:
    outside.write_text(FOREIGN)
    advice = f"found only those of {OTHER.origin}; if .* set audit.checkpoint_file to another, else bring that log back"
    with pytest.raises(CopiesForeign, match=advice):
        append(folder, outside, 1)
    assert outside.read_text() == FOREIGN
    append(folder, outside.with_name("another"), 1)


def test_copies_of_another_log_beside_its_own_are_no_reason_to_stop(folder: LogFolder, outside: Path) -> None:
    append(folder, outside, 1)
    outside.write_text(FOREIGN + outside.read_text() + FOREIGN)
    append(folder, outside, 1)


@pytest.mark.parametrize("begun", ["", OTHER.origin[:20], FOREIGN[:40], FOREIGN[:86], "\n\n", "a\n\nb"])
def test_a_file_that_holds_no_whole_copy_yet_is_begun(folder: LogFolder, outside: Path, begun: str) -> None:
    """Such as one whose first note a kill cut off."""
    outside.write_text(begun)
    append(folder, outside, 1)
    append(folder, outside, 1)
    assert outside.read_text().startswith(begun)


@pytest.mark.parametrize("rubbish", ["x" * 9_000, "\n\n" * 4_500, "a\n\nb\n\n" * 50_000, FOREIGN])
def test_a_log_put_back_is_found_behind_whatever_was_appended_to_its_copies(
    folder: LogFolder, outside: Path, rubbish: str
) -> None:
    append(folder, outside, 5)
    earlier = shutil.copy(folder.path, folder.folder / "earlier.db")
    append(folder, outside, 5)
    with outside.open("a") as file:
        file.write(rubbish)
    append(folder, outside.with_name("another"), 1)
    shutil.copy(earlier, folder.path)
    with pytest.raises(AuditUnavailable, match=f"it has 5 events, the newest checkpoint in {outside} says 10"):
        append(folder, outside, 1)
