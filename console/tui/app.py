"""The application: opens the workspace behind the first paint, owns tabs, theme and the way out."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message_pump import MessagePump
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen
from textual.widgets import Input

from console.settings import Settings
from console.tui.feed import Feed, Workspace
from console.tui.messages import News, Trouble
from console.tui.off_loop import post
from console.tui.pipelines.screen import PipelinesScreen
from console.tui.screens.help import HelpScreen, TooSmall, bindings_of
from console.tui.shell import Shell, WarehouseParts
from console.tui.state import UiState, load_state, save_state
from console.tui.terminal import guarded_run
from console.tui.theme import DARK, LIGHT, AsciiOnly, speaks_unicode, themes, variables
from console.tui.toasts import FAILURE_S, MOST, SUCCESS_S, shortened
from console.tui.workshop import Workshop

LEAST_WIDTH, LEAST_HEIGHT = 60, 16


@runtime_checkable
class Drawn(Protocol):
    """A widget that draws in colours of its own choice."""

    def restyle(self) -> None:
        """Everything is repainted, in the colours of the theme."""
        ...


@dataclass(frozen=True, slots=True)
class Tab:
    """A screen with a place in the header."""

    name: str
    title: str
    screen: Callable[[Shell], Screen[Any]]


def _warehouse(shell: Shell) -> Screen[Any]:
    from console.tui.warehouse.screen import WarehouseScreen  # only when wanted: the first paint does without

    return WarehouseScreen(shell)


# One line a screen.
TABS = (Tab("pipelines", "Pipelines", PipelinesScreen), Tab("warehouse", "Warehouse", _warehouse))


class LakewardenApp(App[None]):
    """`open_workspace` is called in the feed's thread, after the first paint."""

    TITLE = "Lakewarden"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q,ctrl+c", "quit", "Quit", id="app.quit", tooltip="Leave; what runs is completed later"),
        Binding("question_mark,f1", "help", "Help", id="app.help", tooltip="Keys and signs of this screen"),
        Binding("m", "theme", "Theme", id="app.theme", tooltip="Dark or light"),
        Binding("ctrl+p", "command_palette", "Commands", id="app.commands", tooltip="Find any command by its name"),
        *[
            Binding(str(number), f"show_tab('{tab.name}')", tab.title, show=False, id=f"app.tab-{tab.name}",
                    tooltip=f"The {tab.title} screen")
            for number, tab in enumerate(TABS, 1)
        ],
    ]  # fmt: skip

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        open_workspace: Callable[[Callable[[str], None]], Workspace],
        open_warehouse: Callable[[], WarehouseParts],
    ) -> None:
        self.settings = settings
        self.open_warehouse = open_warehouse
        self.unicode = speaks_unicode(environ)
        self.ui: UiState = load_state(settings.home / "state.json")
        names = [tab.name for tab in TABS]
        self.DEFAULT_MODE = self.ui.tab if self.ui.tab in names else names[0]  # type: ignore[misc] # read by App()
        super().__init__()
        self.animation_level = "none"
        self.tabs = tuple((tab.name, tab.title) for tab in TABS)
        self.practice = settings.practice
        self.place = _short(settings.home, environ)
        self._listener: MessagePump = self
        self._told: News | Trouble | None = None
        for tab in TABS:
            self.add_mode(tab.name, lambda tab=tab: tab.screen(self))  # type: ignore[misc]
        for theme in themes():
            self.register_theme(theme)
        self.theme = self.ui.theme
        self.set_class(not self.unicode, "-ascii")
        if not self.unicode:
            self._filters.append(AsciiOnly())
        self.feed = Feed(
            open_workspace=lambda: open_workspace(self._on_problem),
            config_mark=lambda: _changed_at(settings.config_file),
            now=self.now,
            on_news=lambda snapshot: post(self._listener, News(snapshot)),
            on_trouble=lambda error: post(self._listener, Trouble(error)),
        )
        self._started = False

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(DARK)

    def now(self) -> datetime:
        return datetime.now(UTC)

    # ---- the workspace ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the workspace, unless that was done."""
        if not self._started:
            self._started = True
            self.feed.start()

    def listen(self, screen: MessagePump) -> None:
        """Send news to `screen` from now on, the last at once; opens the workspace."""
        self._listener = screen
        if self._told is not None:
            screen.post_message(self._told)
            self._told = None
        self.start()

    def on_news(self, event: News) -> None:
        """Nobody listens yet: kept for who will."""
        self._told = event
        self.feed.taken()

    def on_trouble(self, event: Trouble) -> None:
        """Nobody listens yet: kept for who will."""
        self._told = event

    def remember(self, **choices: Any) -> None:
        """Keep choices of the `UiState` over a restart."""
        self.ui = dataclasses.replace(self.ui, **choices)

    def _on_problem(self, message: str) -> None:
        """Called in the scheduler's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self.call_later(self.notify, message, severity="error", markup=False)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """A short message, soon gone: what matters stands elsewhere too."""
        if timeout is None:
            timeout = SUCCESS_S if severity == "information" else FAILURE_S
        text = shortened(message, width=self.size.width)
        super().notify(text, title=title, severity=severity, timeout=timeout, markup=markup)

    def on_notify(self, _event: Notify) -> None:
        """Before one more is shown: older ones make room."""
        shown = list(self._notifications)
        for old in shown[: max(len(shown) - MOST + 1, 0)]:
            del self._notifications[old]

    async def action_quit(self) -> None:
        """Leave at once: what is in flight is told of afterwards."""
        self.feed.stop()
        self.exit()

    async def on_key(self, event: events.Key) -> None:
        """A letter that was under way when a field took the focus is meant for the field, never a command.

        Links that are slow deliver several keys at once; a field that had the focus before would have kept it.
        """
        focused = self.focused
        if focused is not None and event.is_printable and focused.check_consume_key(event.key, event.character):
            await focused._on_key(event)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """No cursor blinks, not even the command palette's: it would send bytes for ever."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    # ---- the screen -------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        small = event.size.width < LEAST_WIDTH or event.size.height < LEAST_HEIGHT
        if small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall(LEAST_WIDTH, LEAST_HEIGHT))
        elif not small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    def action_show_tab(self, name: str) -> None:
        """Switch to a tab."""
        if name != self.current_mode:
            self.switch_mode(name)
        self.remember(tab=name)

    def action_theme(self) -> None:
        """Dark or light."""
        self.theme = LIGHT if self.theme == DARK else DARK
        self.remember(theme=self.theme)
        for screen in self.screen_stack:
            for drawn in screen.query("*"):
                if isinstance(drawn, Drawn):
                    drawn.restyle()
            screen.refresh(layout=False)

    def action_help(self) -> None:
        """The keys of the screen that is shown."""
        if not isinstance(self.screen, HelpScreen | TooSmall):
            self.push_screen(HelpScreen(bindings_of(self.screen), unicode=self.unicode))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette offers what the keys do."""
        for binding, namespace in bindings_of(screen):
            if binding.description and not binding.action.startswith(("app.focus", "command_palette")):
                yield SystemCommand(
                    binding.description,
                    binding.tooltip or binding.description,
                    lambda action=binding.action, node=namespace: self.call_later(self.run_action, action, node),
                )


def run_console(settings: Settings, environ: Mapping[str, str]) -> int:
    """Show the console until it is left; returns the exit code of the process."""
    workshop = Workshop(settings, environ)
    app = LakewardenApp(
        settings, environ, open_workspace=workshop.open_workspace, open_warehouse=workshop.open_warehouse
    )
    code = guarded_run(app)
    app.feed.stop()
    save_state(settings.home / "state.json", app.ui)
    left = workshop.close()
    if left:
        runs = "1 run was" if left == 1 else f"{left} runs were"
        sys.stderr.write(
            f"lakewarden: {runs} left unfinished: the next call of its hour completes it, `r` a manual one\n"
        )
    return code


def _short(path: Path, environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    text = str(path)
    return "~" + text[len(home) :] if home and text.startswith(home.rstrip("/") + "/") else text


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
