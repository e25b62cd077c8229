"""What the console remembers between two starts: `state.json` in the workspace. It is a comfort, never a need."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from console.tui.theme import DARK, LIGHT
from etl.files import write_whole

MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class UiState:
    """The choices of the person at the terminal. `hidden_columns` are the titles of run-grid columns left out."""

    tab: str = "pipelines"
    theme: str = DARK
    hidden_columns: tuple[str, ...] = ()


def load_state(path: Path) -> UiState:
    """What was saved; defaults for whatever is missing, broken or unknown."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return UiState()
    if not isinstance(found, dict):
        return UiState()
    texts = {
        name: found[name] for name in ("tab", "theme") if isinstance(found.get(name), str) and len(found[name]) <= 200
    }
    if texts.get("theme") not in (DARK, LIGHT):
        texts.pop("theme", None)
    hidden = found.get("hidden_columns")
    if isinstance(hidden, list) and all(isinstance(title, str) for title in hidden):
        return UiState(**texts, hidden_columns=tuple(hidden))
    return UiState(**texts)


def save_state(path: Path, state: UiState) -> None:
    """Remember `state`; a disk that refuses is no reason to disturb anybody."""
    body = json.dumps(dataclasses.asdict(state), ensure_ascii=False, indent=1)
    with contextlib.suppress(OSError, ValueError):
        write_whole(path, body.encode())
