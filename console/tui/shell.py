"""What every screen of the console may ask of the application, without knowing it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from textual.message_pump import MessagePump

from console.settings import Settings
from console.tui.feed import Feed
from console.tui.state import UiState


class Shell(Protocol):
    """The application as the screens see it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def feed(self) -> Feed: ...

    @property
    def ui(self) -> UiState: ...

    @property
    def practice(self) -> bool: ...

    @property
    def tabs(self) -> Sequence[tuple[str, str]]:
        """Name and title of each screen that has a tab."""
        ...

    @property
    def place(self) -> str:
        """Where the workspace lies, for people."""
        ...

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        ...

    def listen(self, screen: MessagePump) -> None:
        """Send news to `screen` from now on; the first call opens the workspace."""
        ...

    def remember(self, **choices: Any) -> None:
        """Keep choices of the `UiState` over a restart."""
        ...
