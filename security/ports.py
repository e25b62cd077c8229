"""What the security domain needs from outside: a way to write files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class WriteWhole(Protocol):
    """Puts a body at a path, replacing what was there, mode 0600, whole or not at all. Raises OSError."""

    def __call__(self, path: Path, body: bytes, /) -> None: ...
