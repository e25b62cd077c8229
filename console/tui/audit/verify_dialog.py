"""Verifies the whole audit log with progress, and tells what was found, where, and what the copy outside covers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from console.tui.audit.event_words import events_words
from console.tui.audit.lines_dialog import FRAME, sentence
from console.tui.audit.verify_words import Verified, verified_lines
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from console.tui.theme import glyphs
from console.tui.widgets.line_panel import LinePanel

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.audit import AuditActions

BAR = 30  # cells
EVERY_S = 0.1  # between two looks of the bar
LAID_OUT_S = 0.02  # until a look whether what has come in sight is laid out


class Stopped(Exception):
    """The verification was broken off by whoever started it."""


class VerifyDialog(Dialog):
    """`tell` is called with what was found as soon as it is known; not where it was stopped, or failed."""

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "dialogs.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "close", "Close", show=False, id="verify.close", tooltip="Stop, or close"),
    ]

    def __init__(self, audit: AuditActions, tell: Callable[[Verified], None]) -> None:
        super().__init__()
        self._audit = audit
        self._tell = tell
        self._stop = threading.Event()
        self._told_at = 0.0
        self.verified: Verified | None = None
        self._problem = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Verify the audit log", classes="dialog-title", markup=False)
            yield Static("reading", id="verify-bar", markup=False)
            yield LinePanel(id="lines")
            yield Static("Esc stops it", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(LinePanel).display = False
        off_loop(self, self._verify, self._done, self._fail)

    def on_unmount(self) -> None:
        self._stop.set()

    def action_close(self) -> None:
        self._stop.set()
        self.dismiss(None)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _verify(self) -> Verified:
        """In a thread."""
        why: list[str] = []
        report = self._audit.verify(self._progress, unrecorded=lambda error: why.append(str(error)))
        try:
            keepers = self._audit.keepers()
        except Exception as error:  # noqa: BLE001 – a log too damaged to be opened is what the report is about
            keepers = []
            why = why or [str(error)]
        return Verified(report, tuple(keepers), why[0] if why else "")

    def _progress(self, done: int, total: int) -> None:
        """In the verifying thread; posts only some looks. Raises Stopped where the dialog is gone."""
        if self._stop.is_set():
            raise Stopped("stopped")
        now = time.monotonic()
        if now - self._told_at >= EVERY_S or done >= total:
            self._told_at = now
            post(self, Delivered(self._show_bar, bar_words(done, total, unicode=getattr(self.app, "unicode", True))))

    def _show_bar(self, words: str) -> None:
        if self.verified is None:
            self.query_one("#verify-bar", Static).update(words)

    def _done(self, verified: Verified) -> None:
        self.verified = verified
        self._tell(verified)
        self._end("")

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, Stopped):
            self._problem = plain(str(error) or type(error).__name__)
            self._end("Not verified")

    def _end(self, title: str) -> None:
        if not self.is_attached:
            return
        self.query_one("#verify-bar", Static).update(title)
        self.query_one("#verify-bar").display = bool(title)
        self.query_one(".dialog-hint", Static).update("Enter or Esc closes")
        panel = self.query_one(LinePanel)
        panel.display = True
        self.set_focus(panel)
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        panel = self.query_one(LinePanel)
        if not panel.display:
            return
        if not panel.size.width:  # only now in sight: its lines break where its width says
            self.set_timer(LAID_OUT_S, self._show)
            return
        width = panel.line_width
        shown = verified_lines(self.verified, width) if self.verified else sentence(self._problem, "bad", width)
        panel.styles.height = max(min(len(shown), self.app.size.height - FRAME), 1)
        panel.show(shown)


def bar_words(done: int, total: int, *, unicode: bool) -> str:
    """A bar, and how many events are verified."""
    share = min(done / total, 1.0) if total else 1.0
    signs = glyphs(unicode=unicode)
    full = int(share * BAR)
    return f"{signs.bars[-1] * full}{signs.dot * (BAR - full)} {share:4.0%}  {done:,} of {events_words(total)}"
