"""The copies of checkpoints outside the workspace, with the command: begun once, missed when they are gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from security.audit.checkpoint import open_checkpoint
from security.audit.file_keeper import FileKeeper
from security.audit.note import NoteVerifier
from tests.conftest import Lakewarden

OUTSIDE = "LAKEWARDEN_AUDIT__CHECKPOINT_FILE"


@pytest.fixture
def outside(lakewarden: Lakewarden) -> Path:
    """Where copies are to be kept, of a workspace whose auditor is signed in; none was kept yet."""
    lakewarden.sign_in("auditor")
    lakewarden.environ[OUTSIDE] = str(lakewarden.folder / "outside")
    return lakewarden.folder / "outside"


def sizes(outside: Path, verifier: str) -> list[int]:
    return [open_checkpoint(note, NoteVerifier.parse(verifier)).size for note in FileKeeper(outside).kept()]


def checkpoints_of_doctor(lakewarden: Lakewarden) -> dict[str, object]:
    found = lakewarden("doctor", "--json").json["checks"]
    return next(check for check in found if check["name"] == "checkpoints")


def test_a_log_that_has_checkpoints_begins_its_copies_once_a_place_is_named(
    lakewarden: Lakewarden, outside: Path
) -> None:
    assert not outside.exists()
    assert lakewarden("audit", "tail").code == 0
    assert FileKeeper(outside).kept()
    assert checkpoints_of_doctor(lakewarden)["ok"] is True


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_copies_that_are_gone_are_a_finding_until_they_are_back_and_none_is_begun(
    lakewarden: Lakewarden, outside: Path, how: str
) -> None:
    verifier = lakewarden("audit", "checkpoint", "--json").json["verifier"]
    before, body = sizes(outside, verifier), outside.read_bytes()
    assert before
    if how == "removed":
        outside.unlink()
    else:
        outside.write_bytes(b"")
    for command in (["audit", "tail"], ["audit", "checkpoint"], ["audit", "export", "--format", "cef"], ["whoami"]):
        assert lakewarden(*command).code == 0, command
    told = lakewarden("audit", "verify")
    assert told.code == 65
    assert f"{outside}: expected copies of checkpoints, found none" in told.err
    found = checkpoints_of_doctor(lakewarden)
    assert found["ok"] is False
    assert str(outside) in str(found["detail"])
    assert "audit.checkpoint_file" in str(found["remedy"])
    assert FileKeeper(outside).kept() == []
    outside.write_bytes(body)
    head = lakewarden("audit", "checkpoint", "--json").json["checkpoint"]["size"]
    assert sizes(outside, verifier)[: len(before)] == before
    assert sizes(outside, verifier)[-1] >= head, "the newest covers all that could not be brought"
    assert lakewarden("audit", "verify").err == ""
    assert checkpoints_of_doctor(lakewarden)["ok"] is True


def test_another_place_is_begun_where_one_is_gone_for_good(lakewarden: Lakewarden, outside: Path) -> None:
    assert lakewarden("audit", "tail").code == 0
    outside.unlink()
    other = lakewarden.folder / "other"
    lakewarden.environ[OUTSIDE] = str(other)
    assert lakewarden("audit", "tail").code == 0
    assert FileKeeper(other).kept()
    assert checkpoints_of_doctor(lakewarden)["ok"] is True


@pytest.mark.parametrize("how", ["rolled back", "begun anew"])
def test_a_log_behind_its_copies_discloses_nothing(lakewarden: Lakewarden, outside: Path, how: str) -> None:
    """Put back to an earlier state, or another in its stead: its own checkpoints fit, those outside do not."""
    logs = [lakewarden.home / name for name in ("audit.db", "audit.db-wal", "audit.db-shm")]
    assert lakewarden("audit", "checkpoint").code == 0
    earlier = {path: path.read_bytes() for path in logs if path.exists()}
    for _ in range(3):
        assert lakewarden("audit", "export", "--format", "cef").code == 0
    for path in logs:
        path.unlink(missing_ok=True)
    if how == "rolled back":
        for path, body in earlier.items():
            path.write_bytes(body)
        refused = lakewarden("audit", "tail")
        assert (refused.code, refused.out) == (74, "")
        assert f"the newest checkpoint in {outside} says" in refused.err
    else:
        before = outside.read_bytes()
        begun = lakewarden("audit", "begin")
        assert (begun.code, f"keep {outside}" in begun.err) == (0, True)
        refused = lakewarden("audit", "tail")
        assert (refused.code, refused.out) == (74, "")
        assert "keep the file and set audit.checkpoint_file to another, else bring that log back" in refused.err
        check = next(one for one in lakewarden("doctor", "--json").json["checks"] if one["name"] == "audit log")
        assert (check["ok"], "set audit.checkpoint_file to another" in check["remedy"]) == (False, True)
        assert outside.read_bytes() == before, "the earlier log is verified with them"
        assert lakewarden("audit", "tail", env={OUTSIDE: f"{outside}-another"}).code == 0
    assert lakewarden("audit", "verify").code == 65
