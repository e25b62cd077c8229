"""The application: opens the workspace behind the first paint, owns tabs, theme and the way out.

Who comes in and goes out is the business of `console.tui.sign_in.door`; here the screens are discarded and made anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from textual import events
from textual.actions import parse
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.geometry import Size
from textual.message_pump import MessagePump
from textual.notifications import Notify, SeverityLevel
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from console.settings import Settings
from console.tui.feed import Feed, Workspace
from console.tui.messages import Delivered, News, Trouble
from console.tui.off_loop import post
from console.tui.office import SecurityOffice
from console.tui.pasting import NoControls, keep_pastes_apart
from console.tui.pipelines.screen import PipelinesScreen
from console.tui.screens.help import Bound, HelpScreen, TooSmall, bindings_of, offered_elsewhere
from console.tui.shell import Shell, WarehouseParts
from console.tui.sign_in.door import Door
from console.tui.sign_in.words import left_words
from console.tui.state import UiState, load_state, save_state
from console.tui.terminal import guarded_run
from console.tui.theme import DARK, LIGHT, AsciiOnly, speaks_unicode, themes, variables
from console.tui.toasts import FAILURE_S, SUCCESS_S, in_the_way, shortened
from console.tui.widgets.bars import AttendedLine, KeyHints
from console.tui.workshop import Workshop

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import Who

LEAST_WIDTH, LEAST_HEIGHT = 60, 16
PALETTE_KEYS = (
    Binding("enter", "submit", "Do it"),
    Binding("down", "cursor_down", "Next"),
    Binding("escape", "escape", "Close"),
)
NOT_KEPT = "What you were writing was not kept."
UNTIL_SEEN_S = 7 * 86_400.0  # a warning for whoever comes back, whenever that is
DOOR, NOTHING = "door", "nothing"  # modes beside the tabs: the sign-in that comes first, and an empty screen


@runtime_checkable
class Drawn(Protocol):
    """A widget that draws in colours of its own choice."""

    def restyle(self) -> None:
        """Everything is repainted, in the colours of the theme."""
        ...


@runtime_checkable
class Writing(Protocol):
    """A dialog in which something is written, which goes with the session."""

    @property
    def unkept(self) -> bool:
        """Whether what is typed would be lost."""
        ...

    def ends_in(self, left: str) -> None:
        """The session ends in `left` unless it is used; empty where that is more than a minute."""
        ...


@runtime_checkable
class Refusing(Protocol):
    """A screen with keys that lead to a refusal now."""

    def is_refused(self, action: str) -> bool:
        """Whether a key for `action` does."""
        ...


@dataclass(frozen=True, slots=True)
class Tab:
    """A screen with a place in the header, or within the Security tab.

    The console reopens on it for who may do one of the actions `of`; for a visitor, where it is `for_visitors`.
    """

    name: str
    title: str
    screen: Callable[[Shell], Screen[Any]]
    of: tuple[str, ...]
    for_visitors: bool = False


# The domain and most screens are loaded when they are wanted: the first paint does without.
def _warehouse(shell: Shell) -> Screen[Any]:
    from console.tui.warehouse.screen import WarehouseScreen

    return WarehouseScreen(shell)


def _access(shell: Shell) -> Screen[Any]:
    from console.tui.access.screen import AccessScreen

    return AccessScreen(shell)


def _records(shell: Shell) -> Screen[Any]:
    from console.tui.records.screen import RecordsScreen

    return RecordsScreen(shell)


def _vault(shell: Shell) -> Screen[Any]:
    from console.tui.vault.screen import VaultScreen

    return VaultScreen(shell)


def _audit(shell: Shell) -> Screen[Any]:
    from console.tui.audit.screen import AuditScreen

    return AuditScreen(shell)


# One line a screen; the sections share the tab Security.
TABS = (
    Tab("pipelines", "Pipelines", PipelinesScreen, ("view_pipelines",), for_visitors=True),
    Tab("warehouse", "Warehouse", _warehouse, ("query_warehouse", "manage_warehouse"), for_visitors=True),
)
SECTIONS = (
    Tab("access", "Access", _access, ("read_audit", "manage_users")),
    Tab("records", "Records", _records, ("view_record", "query_research", "manage_users")),
    Tab("vault", "Vault", _vault, ("rotate_keys",)),
    Tab("audit", "Audit", _audit, ("read_audit",)),
)
SCREENS = (*TABS, *SECTIONS)
SECURITY = ("security", "Security")


class LakewardenApp(App[None]):
    """`open_workspace` is called in the feed's thread, after the first paint."""

    TITLE = "Lakewarden"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "Quit", id="app.quit", tooltip="Leave; what runs is completed later"),
        Binding("question_mark", "help", "Help", id="app.help", tooltip="Keys and signs of this screen"),
        Binding("ctrl+q", "quit", show=False, id="app.quit-anywhere", tooltip="Leave, from a field or a dialog too",
                priority=True),
        Binding("f1", "help", show=False, id="app.help-anywhere", tooltip="This help, from a field or a dialog too",
                priority=True),
        Binding("m", "theme", "Theme", id="app.theme", tooltip="Dark or light"),
        Binding("ctrl+p", "command_palette", "Commands", id="app.commands", tooltip="Find any command by its name"),
        Binding("u,f8", "account", "Sign in or out", id="app.account", tooltip="Sign in, or see your account"),
        *[
            Binding(str(number), f"show_tab('{tab.name}')", tab.title, show=False, id=f"app.tab-{tab.name}",
                    tooltip=f"The {tab.title} screen")
            for number, tab in enumerate(SCREENS, 1)
        ],
    ]  # fmt: skip

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        open_workspace: Callable[[Callable[[str], None]], Workspace],
        open_warehouse: Callable[[], WarehouseParts],
        open_office: Callable[[], SecurityOffice],
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.settings = settings
        self._now = now or _wall_clock
        self.open_office = open_office
        self.open_warehouse = open_warehouse
        self.unicode = speaks_unicode(environ)
        self.ui: UiState = load_state(settings.home / "state.json")
        self.door = Door(self, open_office=open_office, guests=settings.access.allow_guest)
        self.DEFAULT_MODE = DOOR if self.door.locked else self._first_tab()  # type: ignore[misc] # read by App()
        super().__init__()
        self.animation_level = "none"
        self.tabs = (*((tab.name, tab.title) for tab in TABS), SECURITY)
        self.sections = tuple((tab.name, str(n), tab.title) for n, tab in enumerate(SECTIONS, len(TABS) + 1))
        self.practice = settings.practice
        self.place = _short(settings.home, environ)
        self._listener: MessagePump = self
        self._told: News | Trouble | None = None
        self._renewing = False
        self._lost = False  # something was being written when the session ended
        for tab in SCREENS:
            self.add_mode(tab.name, lambda tab=tab: tab.screen(self))  # type: ignore[misc]
        self.add_mode(DOOR, self.door.first_screen)
        self.add_mode(NOTHING, Screen)
        for theme in themes():
            self.register_theme(theme)
        self.theme = self.ui.theme
        self.set_class(not self.unicode, "-ascii")
        self._filters.append(NoControls())
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
        self._left = False
        if self.door.locked:
            self.feed.rest()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(DARK)

    def now(self) -> datetime:
        return self._now()

    def on_mount(self) -> None:
        self.screen_change_signal.subscribe(self, self._tell_keys, immediate=True)

    # ---- who is here ------------------------------------------------------------------------------------------------

    @property
    def who(self) -> Who | None:
        return self.door.who

    def who_words(self, room: int) -> str:
        """Who is signed in, for the header."""
        return self.door.words(room)

    def who_width(self) -> int:
        """The cells in which name and time are whole."""
        return self.door.width()

    def sign_in(self, then: Callable[[], None] | None = None) -> None:
        self.door.sign_in(then)

    def with_fresh_code(self, then: Callable[[], None]) -> None:
        self.door.with_fresh_code(then)

    def explain(self, error: Exception, again: Callable[[], None] | None = None) -> None:
        self.door.explain(error, again)

    def action_account(self) -> None:
        """Sign in; signed in: who that is, and the way out."""
        self.door.account()

    def action_sign_out(self) -> None:
        """Sign out at once."""
        self.door.sign_out()

    def action_sign_out_everywhere(self) -> None:
        """Sign out of every session of the account at once."""
        self.door.sign_out_everywhere()

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    async def on_event(self, event: events.Event) -> None:
        """A key or the mouse is a use of the session; nothing else is. After the way out was taken, none counts."""
        if isinstance(
            event, events.Key | events.MouseDown | events.MouseScrollDown | events.MouseScrollUp | events.Paste
        ):
            if self._left:
                return
            self.door.used()
        await super().on_event(event)

    def who_changed(self) -> None:
        """The header tells it."""
        for stack in self._screen_stacks.values():
            for screen in stack:
                for header in screen.query(AttendedLine):
                    header.refresh()
        left = last_minute_words(self.who, self.now())
        for dialog in self._writing():
            dialog.ends_in(left)

    def _writing(self) -> list[Writing]:
        """The dialogs in which something is written, of every tab."""
        found = [screen for stack in self._screen_stacks.values() for screen in stack]
        return [screen for screen in found if screen.is_mounted and isinstance(screen, Writing)]

    def empty(self) -> None:
        """Show nothing from now on, until `renew`; what was copied here is forgotten, what was written is lost."""
        self._renewing = True
        self._lost = self._lost or any(dialog.unkept for dialog in self._writing())
        self.clear_notifications()
        self._clipboard = ""
        self.switch_mode(NOTHING)

    def renew(self, then: Callable[[], object], *, keep_shown: bool) -> None:
        """Discard every screen and make it anew, where `keep_shown` only those that are not shown; then call `then`."""
        self._renewing = True
        self.call_later(self._renew, then, keep_shown)

    async def _renew(self, then: Callable[[], object], keep_shown: bool) -> None:
        kept = self.current_mode if keep_shown else NOTHING
        if not keep_shown:
            self.empty()
            self._listener, self._told = self, None
        for mode in [mode for mode in self._screen_stacks if mode not in (kept, "_default")]:
            if not self.is_running:  # it is being left: whoever closes the screens goes through them now
                return
            screen = self._modes[mode]
            await self.remove_mode(mode)
            self.add_mode(mode, screen)
        if self.door.locked:
            self.feed.rest()
        elif not keep_shown:
            self.feed.anew()
        if not keep_shown and self.is_running:
            await self.switch_mode(DOOR if self.door.locked else self._first_tab())
        self._renewing = False
        self._fit(self.size)
        self.call_after_refresh(then)
        if self._lost:
            self._lost = False
            self.call_after_refresh(self._tell_lost)

    def _tell_lost(self) -> None:
        """Beside why the session ended; until whoever comes back goes on."""
        self.notify(NOT_KEPT, severity="warning", timeout=UNTIL_SEEN_S, markup=False)

    def leave_section(self) -> None:
        """Whoever comes next does not begin in a section of Security: what it shows may not be for them."""
        if self.ui.tab in [section.name for section in SECTIONS]:
            self.remember(tab=SCREENS[0].name)

    def _first_tab(self) -> str:
        """Where the console was left, if whoever is here may use that; else the first."""
        last = next((tab for tab in SCREENS if tab.name == self.ui.tab and self._may_use(tab)), SCREENS[0])
        return last.name

    def _may_use(self, tab: Tab) -> bool:
        if tab.name == "access" and self.settings.practice:
            return True  # there, anybody may ask what would be decided
        return tab.for_visitors if self.who is None else self.door.may(tab.of)

    # ---- the workspace ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the workspace, unless that was done."""
        if not self._started:
            self._started = True
            self.feed.start()

    def listen(self, screen: MessagePump) -> None:
        """Send news to `screen` from now on, the last at once; opens the workspace."""
        self._listener = screen
        self.feed.taken()  # what was told to a screen that is gone is not waited for
        if self._told is not None:
            screen.post_message(self._told)
            self._told = None
        self.start()

    def on_news(self, event: News) -> None:
        """Nobody listened when it was posted: kept for who will, or passed on."""
        if self._listener is not self:
            self._listener.post_message(event)
            return
        self._told = event
        self.feed.taken()

    def on_trouble(self, event: Trouble) -> None:
        """Likewise."""
        if self._listener is not self:
            self._listener.post_message(event)
            return
        self._told = event

    def remember(self, **choices: Any) -> None:
        """Keep choices of the `UiState` over a restart."""
        self.ui = dataclasses.replace(self.ui, **choices)

    def _on_problem(self, message: str) -> None:
        """Called in any thread. Before somebody signs in, nothing of the workspace is told."""
        if self.door.locked:
            return
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

    def on_notify(self, event: Notify) -> None:
        """Before one more is shown: older ones make room."""
        for old in in_the_way(list(self._notifications), event.notification):
            del self._notifications[old]

    async def action_quit(self) -> None:
        """Leave at once: what is in flight is told of afterwards."""
        self._left = True
        self.feed.stop()
        self.door.close()
        self.exit()

    async def on_key(self, event: events.Key) -> None:
        """A letter that was under way when a field took the focus is meant for the field, never a command.

        Links that are slow deliver several keys at once; a field that had the focus before would have kept it.
        Where the terminal is too small, q leaves, as is said there.
        """
        focused = self.focused
        if isinstance(self.screen, TooSmall) and event.key == "q":
            await self.action_quit()
        elif focused is not None and event.is_printable and focused.check_consume_key(event.key, event.character):
            await focused._on_key(event)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """No cursor blinks, not even the command palette's: it would send bytes for ever."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    # ---- the screen -------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        small = size.width < LEAST_WIDTH or size.height < LEAST_HEIGHT
        if small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall(LEAST_WIDTH, LEAST_HEIGHT))
        elif not small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    def action_show_tab(self, name: str) -> None:
        """Switch to a tab; of the Security tab, to its first section."""
        if self.door.locked or self._renewing:
            return
        name = SECTIONS[0].name if name == SECURITY[0] else name
        if name != self.current_mode:
            self.clear_notifications()  # they tell of what is no longer on the screen
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

    def _tell_keys(self, screen: Screen[Any]) -> None:
        """Of what lies over a screen, the keys are told: those of the screen below do nothing meanwhile.

        What was told there before goes: it would cover what was opened.
        """
        if not isinstance(screen, ModalScreen) or isinstance(screen, TooSmall) or screen.query(KeyHints):
            return
        self.clear_notifications()
        from console.tui.widgets.dialog_keys import DialogKeys  # the first paint does without

        keys = PALETTE_KEYS if isinstance(screen, CommandPalette) else ()
        screen.mount(DialogKeys(keys, helped=not isinstance(screen, CommandPalette | HelpScreen)))

    def action_help(self) -> None:
        """The keys of the screen that is shown; from the help, back."""
        if isinstance(self.screen, HelpScreen):
            self.screen.action_close()
        elif not isinstance(self.screen, TooSmall | CommandPalette):
            self.push_screen(HelpScreen(self._bound(self.screen), self.screen, unicode=self.unicode))

    def _bound(self, screen: Screen[Any]) -> list[Bound]:
        """What can be done now: in a dialog little, and there is no way to a tab before somebody signs in."""
        found = [(binding, node) for binding, node in bindings_of(screen) if _possible(binding, node)]
        if isinstance(screen, ModalScreen):
            return [(binding, node) for binding, node in found if node is not self or binding.priority]
        if not self.door.locked:
            return found
        away = ("show_tab", "account")
        return [(binding, node) for binding, node in found if node is not self or not binding.action.startswith(away)]

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette offers what the keys do."""
        if self.who is not None:
            yield SystemCommand("Sign out", "Leave the session; the screen is cleared", self.action_sign_out)
            yield SystemCommand(
                "Sign out everywhere", "End every session of this account", self.action_sign_out_everywhere
            )
        everything = [(binding.description, (binding, node)) for binding, node in self._bound(screen)]
        elsewhere = [(title, bound) for title, bound in offered_elsewhere(screen) if _possible(*bound)]
        for title, (binding, namespace) in [*everything, *elsewhere]:
            refused = isinstance(screen, Refusing) and screen.is_refused(binding.action)
            if title and not refused and not binding.action.startswith(("app.focus", "command_palette")):
                yield SystemCommand(
                    title,
                    binding.tooltip or title,
                    lambda action=binding.action, node=namespace: self.call_later(self.run_action, action, node),
                )


def _possible(binding: Binding, node: DOMNode) -> bool:
    """Whether the node permits now what its key does."""
    namespace, name, parameters = parse(binding.action)
    return bool(namespace) or node.check_action(name, parameters) is not False


def run_console(settings: Settings, environ: Mapping[str, str]) -> int:
    """Show the console until it is left; returns the exit code of the process."""
    workshop = Workshop(settings, environ)
    app = LakewardenApp(
        settings,
        environ,
        open_workspace=workshop.open_workspace,
        open_warehouse=workshop.open_warehouse,
        open_office=workshop.open_office,
    )
    keep_pastes_apart()
    code = guarded_run(app)
    app.feed.stop()
    app.door.close()
    save_state(settings.home / "state.json", app.ui)
    left = workshop.close()
    if left:
        runs = "1 run was" if left == 1 else f"{left} runs were"
        sys.stderr.write(
            f"lakewarden: {runs} left unfinished: the next call of its hour completes it, `r` a manual one\n"
        )
    return code


def last_minute_words(who: Who | None, now: datetime) -> str:
    """How long the session lasts if it is not used, in its last minute; else nothing."""
    left = left_words(who, now) if who is not None else ""
    return left if left.endswith(" s") else ""


def _wall_clock() -> datetime:
    return datetime.now(UTC)


def _short(path: Path, environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    text = str(path)
    return "~" + text[len(home) :] if home and text.startswith(home.rstrip("/") + "/") else text


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
