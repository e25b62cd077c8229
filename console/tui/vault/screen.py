"""The Vault section: the keys, their rotation, the check of what they seal, and a bench that shows a sealed value."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from console.actions.permissions import NotSignedIn, PermissionDenied
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.screens.dialogs import Confirm, Notice
from console.tui.shell import Shell
from console.tui.text import plain
from console.tui.theme import glyphs
from console.tui.vault.bench import bench_lines, help_lines
from console.tui.vault.key_table import KeyTable
from console.tui.vault.words import Told, checked_words, question, rotated_words, state_words
from console.tui.widgets.bars import Header, KeyHints, SectionBar
from console.tui.widgets.closed import Closed
from console.tui.widgets.line_panel import LinePanel
from console.tui.widgets.line_table import HEADING
from console.tui.widgets.section_title import SectionTitle

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.vault import Bench, VaultActions
    from console.tui.office import SecurityOffice
    from security.vault.rotation import Rotation
    from security.vault.status import VaultStatus

ROTATE_KEYS, KEYS_RESOURCE = "rotate_keys", "keys"
HIGH = 34
BAR = 30  # cells
BAR_EVERY_S = 0.1  # between two looks of the bar of a check
MOST_KEYS = 6  # lines before the list scrolls
TO_SAY_NONE = 2  # lines of a list without keys
LONGEST_TEXT = 400  # characters of a text on the bench
KEYS = ("rotate", "check", "bench")  # what needs the vault

FIELD_KEYS = (Binding("enter", "try", "Seal it"), Binding("escape", "leave", "Leave the field"))


class Rotated(NamedTuple):
    """A rotation that ended or was stopped, and the keys after it."""

    rotation: Rotation
    status: VaultStatus


def _bind(key: str, action: str, what: str, tooltip: str, *, show: bool = True) -> Binding:
    return Binding(key, action, what, show=show, id=f"vault.{what.lower().replace(' ', '-')}", tooltip=tooltip)


class VaultScreen(Screen[None]):
    """Works through `VaultActions`; what takes long runs in a thread that Esc can stop."""

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        _bind("r", "rotate", "Rotate", "Wrap every data key under a new key, or go on with that (asks first)"),
        _bind(
            "c",
            "check",
            "Check",
            "Open every sealed value of every patient, compare with the audit log, and tell what is wrong",
        ),
        _bind("b", "bench", "Bench", "Type a text and see what is stored of it"),
        _bind("escape", "leave", "Stop", "Stop the rotation (gone on with later) or the check; or leave the field"),
        Binding("tab", "app.focus_next", "Next panel", show=False, id="vault.next", tooltip="Keys, field, its result"),
    ]

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._office: SecurityOffice | None = None
        self._status: VaultStatus | None = None
        self._stop: threading.Event | None = None  # of the rotation or the check under way
        self._done = (0, 0)  # patients checked, and in all
        self._bench: Bench | None = None

    def compose(self) -> ComposeResult:
        shell = self._shell
        yield Header(practice=shell.practice, tabs=shell.tabs, here="security", place=shell.place)
        yield SectionBar(shell.sections, "vault")
        yield Closed(shell, self._again)
        with Vertical(id="vault"):
            yield SectionTitle("Keys", id="keys-title")
            yield KeyTable()
            yield Static("", id="state", markup=False)
            yield Static("", id="work", markup=False)
            yield SectionTitle("Bench: what is stored of a text", id="bench-title")
            field = Input(
                placeholder="b, then any text; Enter seals it", max_length=LONGEST_TEXT, select_on_focus=False,
                id="bench-text",
            )  # fmt: skip
            field.cursor_blink = False
            yield field
            yield LinePanel(id="bench")
        yield KeyHints()

    def on_mount(self) -> None:
        self._table = self.query_one(KeyTable)
        self._shut = self.query_one(Closed)
        self._field = self.query_one("#bench-text", Input)
        self._shut.display = False
        self.query_one("#work").display = False
        self._tell("#state", ("reading the keys", "muted"))
        self.set_focus(self._table)
        self.call_after_refresh(self._open)

    def on_unmount(self) -> None:
        """A rotation goes no further than its transaction, and stays open; a check ends."""
        if self._stop is not None:
            self._stop.set()

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- the keys ---------------------------------------------------------------------------------------------------

    @property
    def vault(self) -> VaultActions:
        """The actions. Only asked for once they are there, which every key waits for."""
        assert self._office is not None
        return self._office.vault

    def _open(self) -> None:
        self._shell.start()
        off_loop(self, self._shell.open_office, self._take_office, self._fail)

    def _take_office(self, office: SecurityOffice) -> None:
        self._office = office
        self._read()

    def _read(self) -> None:
        assert self._office is not None
        gate, vault = self._office.gate, self._office.vault

        def work() -> VaultStatus:
            gate.check(ROTATE_KEYS, KEYS_RESOURCE)  # before anything is tried: to look here is no refused access
            return vault.status()

        off_loop(self, work, self._show, self._fail)

    def on_screen_resume(self) -> None:
        """Another process, or the command line, may have rotated meanwhile."""
        office = self._office
        if office is None or self._status is None or self._stop is not None:
            return

        def work() -> VaultStatus | None:
            return office.vault.status() if office.gate.would_allow(ROTATE_KEYS, KEYS_RESOURCE).allowed else None

        off_loop(self, work, lambda status: self._show(status) if status else None, self._fail)

    def _show(self, status: VaultStatus) -> None:
        self._status = status
        if self._shut.display:
            self._shut.display = False
            self.query_one("#vault").display = True
            self.set_focus(self._table)
        self._table.styles.height = (min(len(status.keks), MOST_KEYS) or TO_SAY_NONE) + HEADING
        self._table.show(status)
        self.query_one("#keys-title", SectionTitle).say(f"{status.algorithm}, files of mode 0600")
        self._tell("#state", state_words(status))
        self._show_bench()
        self._hint()

    def _fail(self, error: Exception) -> None:
        """The keys cannot be shown: why, in place of them."""
        roles = self._office.gate.roles_for(ROTATE_KEYS) if self._office else ()
        self._shut.show("The vault", error, roles=roles)
        self._shut.display = True
        self.query_one("#vault").display = False
        self.set_focus(self._shut)
        self._hint()

    def _again(self) -> None:
        if self._office is None:
            self._open()
        else:
            self._read()

    # ---- rotating and checking --------------------------------------------------------------------------------------

    def action_rotate(self) -> None:
        """Ask, then rotate."""
        if self._status is None or self._stop is not None:
            return
        self.app.clear_notifications()
        self.app.push_screen(Confirm(*question(self._status)), lambda yes: self._rotate() if yes else None)

    def _rotate(self) -> None:
        vault, stop = self.vault, threading.Event()
        self._stop = stop
        self._tell("#work", ("Rotating: waiting for the store", "busy"))
        self._hint()

        def work() -> Rotated:
            rotation = vault.rotate(progress=self._progress, stop=stop.is_set)
            return Rotated(rotation, vault.status())

        off_loop(self, work, self._rotated, lambda error: self._refuse(error, self._rotate))

    def _progress(self, done: int, total: int) -> None:
        """In the rotating thread."""
        post(self, Delivered(self._show_bar, (done, total, "data keys")))

    def _show_bar(self, counts: tuple[int, int, str]) -> None:
        if self._stop is not None and not self._stop.is_set():
            unicode = getattr(self.app, "unicode", True)
            self._tell("#work", (f"{bar_words(*counts, unicode=unicode)}  Esc stops", "busy"))

    def _rotated(self, found: Rotated) -> None:
        self._stop = None
        self._tell("#work", rotated_words(found.rotation, found.status))
        self._show(found.status)

    def action_check(self) -> None:
        """Open every sealed value, and tell which does not."""
        if self._status is None or self._stop is not None:
            return
        vault, stop = self.vault, threading.Event()
        self._stop, self._done = stop, (0, 0)
        self._hint()
        self._tell("#work", ("Opening every sealed value of every patient  Esc stops", "busy"))
        told_at = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told_at
            self._done, now = (done, total), monotonic()
            if now - told_at >= BAR_EVERY_S:
                told_at = now
                post(self, Delivered(self._show_bar, (done, total, "patients")))

        off_loop(
            self,
            lambda: vault.problems(progress=progress, stop=stop.is_set),
            self._checked,
            lambda error: self._refuse(error, self.action_check),
        )

    def _checked(self, problems: list[str]) -> None:
        self._stop = None
        self._tell("#work", checked_words(problems, *self._done))
        self._hint()
        if problems:
            text = "\n".join(plain(problem) for problem in problems)
            self.app.push_screen(Notice("What is wrong", text))

    def _refuse(self, error: Exception, again: Callable[[], None]) -> None:
        """What was asked for was refused, or failed."""
        self._stop = None
        self._hint()
        if isinstance(error, NotSignedIn):
            self._fail(error)
        elif isinstance(error, PermissionDenied):
            self._tell("#work", (plain(str(error)), "wait"))
            self._shell.explain(error, again)
        else:
            self._tell("#work", (f"It failed: {plain(str(error) or type(error).__name__)}", "bad"))
            self._read()

    # ---- the bench --------------------------------------------------------------------------------------------------

    def action_bench(self) -> None:
        """Go to the field."""
        self._field.action_select_all()
        self.set_focus(self._field)  # at once: the next key is meant for it

    def on_input_changed(self, event: Input.Changed) -> None:
        """What a paste brought that no terminal should be sent is left out."""
        event.stop()
        if not event.value.isprintable():
            self._field.value = "".join(char for char in event.value if char.isprintable())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_try()

    def action_try(self) -> None:
        """Seal what is typed, and show what becomes of it."""
        text, vault = self._field.value, self.vault
        if not text:
            return
        off_loop(self, lambda: vault.bench(text), self._take_bench, lambda error: self._refuse(error, self.action_try))

    def _take_bench(self, bench: Bench) -> None:
        self._bench = bench
        self._show_bench()

    def _show_bench(self) -> None:
        panel = self.query_one("#bench", LinePanel)
        width = panel.line_width - 1  # its padding
        panel.show(help_lines(width) if self._bench is None else bench_lines(self._bench, width))

    # ---- keys and looks ---------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing can be done with the vault before it is there, or where it is closed."""
        if action in KEYS and (self._status is None or self._shut.display):
            return False
        return super().check_action(action, parameters)

    def action_leave(self) -> None:
        """Stop the rotation or the check; else leave the field."""
        if self._stop is not None:
            self._stop.set()
            self._tell("#work", ("Stopping", "busy"))
        elif not self._shut.display:
            self.set_focus(self._table)

    def on_descendant_focus(self) -> None:
        """Of what has the focus now: it may have moved on since this was told."""
        focused = self.focused
        self.query_one("#keys-title", SectionTitle).activate(focused is self._table)
        on_bench = focused is not None and focused.id in ("bench", "bench-text")
        self.query_one("#bench-title", SectionTitle).activate(on_bench)
        self._hint()

    def _hint(self) -> None:
        hints = self.query_one(KeyHints)
        if self._shut.display:
            hints.show(self._shut.hints)
        elif self.focused is self._field and self._stop is None:
            hints.show(FIELD_KEYS)
        else:
            own = [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show]
            idle = {"leave"} if self._stop is None else set()
            if self._stop is not None:
                idle |= {"rotate", "check"}
            hints.show([b for b in own if b.action not in idle])

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height >= HIGH, "-high")
        self.call_after_refresh(self._show_bench)

    def _tell(self, where: str, told: Told) -> None:
        line = self.query_one(where, Static)
        line.set_classes(f"tone-{told[1]}")
        line.update(told[0])
        line.display = bool(told[0])


def bar_words(done: int, total: int, what: str, *, unicode: bool) -> str:
    """A bar, and how many of `what` are done."""
    share = min(done / total, 1.0) if total else 1.0
    signs = glyphs(unicode=unicode)
    full = int(share * BAR)
    return f"{signs.bars[-1] * full}{signs.dot * (BAR - full)} {share:4.0%}  {done:,} of {total:,} {what}"
