"""What the console remembers, and that a file that is none disturbs nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.tui.state import UiState, load_state, save_state
from console.tui.theme import LIGHT


def test_choices_survive(tmp_path: Path) -> None:
    state = UiState("pipelines", LIGHT, ("Trigger",))
    save_state(tmp_path / "state.json", state)
    assert load_state(tmp_path / "state.json") == state
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[1]", b"\xff\xfe", b"null", b'{"theme": "unknown", "filter": 7, "more": {}}',
        b'{"hidden_columns": [1, 2]}', b"[" * 100_000, b'{"filter": "' + b"x" * 70_000 + b'"}',
    ],
)  # fmt: skip
def test_a_broken_file_means_defaults(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "state.json").write_bytes(body)
    assert load_state(tmp_path / "state.json") == UiState()


def test_a_disk_that_refuses_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    save_state(tmp_path / "file" / "state.json", UiState())
