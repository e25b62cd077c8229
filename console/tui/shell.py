"""What every screen of the console may ask of the application, without knowing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from textual.message_pump import MessagePump

from console.settings import Settings
from console.tui.feed import Feed
from console.tui.state import UiState

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.practice_warehouse import PracticeWarehouse
    from console.actions.warehouse_queries import WarehouseQueries


@dataclass(frozen=True, slots=True)
class WarehouseParts:
    """What the warehouse screen works with; `practice` builds the first one of a practice workspace."""

    queries: WarehouseQueries
    practice: PracticeWarehouse | None


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

    def start(self) -> None:
        """Open the workspace, unless that was done; the first screen calls it when it is painted."""
        ...

    def listen(self, screen: MessagePump) -> None:
        """Send news to `screen` from now on, the last at once; opens the workspace."""
        ...

    def open_warehouse(self) -> WarehouseParts:
        """What the warehouse offers. The first call loads much, so it is made off the loop."""
        ...

    def remember(self, **choices: Any) -> None:
        """Keep choices of the `UiState` over a restart."""
        ...
