"""What every screen of the console may ask of the application, without knowing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from textual.message_pump import MessagePump

from console.settings import Settings
from console.tui.feed import Feed
from console.tui.office import SecurityOffice
from console.tui.state import UiState

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.practice_warehouse import PracticeWarehouse
    from console.actions.sign_in import Who
    from console.actions.warehouse_queries import WarehouseQueries


@dataclass(frozen=True, slots=True)
class WarehouseParts:
    """What the warehouse screen works with; `practice` builds the first one of a practice workspace."""

    queries: WarehouseQueries
    practice: PracticeWarehouse | None


@runtime_checkable
class Kept(Protocol):
    """A screen that stays when the visitor who looks at it signs in, so that what was asked goes on."""

    def signed_in(self) -> None:
        """Somebody has signed in, who was nobody until now."""
        ...


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
    def sections(self) -> Sequence[tuple[str, str, str]]:
        """Name, key and title of each section of the Security tab."""
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

    def open_office(self) -> SecurityOffice:
        """What the security core offers. The first call loads much, so it is made off the loop.

        Raises SecurityError or OSError where a store cannot be opened.
        """
        ...

    @property
    def who(self) -> Who | None:
        """Who is signed in, None for nobody. Screens are made anew when that changes."""
        ...

    def sign_in(self, then: Callable[[], None] | None = None) -> None:
        """Show the sign-in; `then` is called after it, if the screen that asked is still there."""
        ...

    def with_fresh_code(self, then: Callable[[], None]) -> None:
        """Ask for a code of the authenticator, and call `then` once it was accepted."""
        ...

    def explain(self, error: Exception, again: Callable[[], None] | None = None) -> None:
        """Tell why something was refused or failed.

        Where a fresh code or a sign-in is what is missing, it is offered, and then `again` is called.
        """
        ...

    def remember(self, **choices: Any) -> None:
        """Keep choices of the `UiState` over a restart."""
        ...
