"""Writes an entry of a medical history. What was typed is lost only if that is confirmed, never by a refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static, TextArea

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Confirm, Dialog
from console.tui.text import plain
from security.errors import RecordChanged
from security.records.models import HistoryEntry

KEYS = "Ctrl+S saves, Esc leaves"


@dataclass(frozen=True, slots=True)
class Draft:
    """What is written: a title, the text to begin with, and the version of the record that it builds on."""

    title: str
    text: str
    version: int


class EntryArea(TextArea):
    """A text area whose cut and copied text stays in it: a medical text is kept for no other place."""

    def __init__(self, text: str) -> None:
        super().__init__(text, tab_behavior="focus", id="entry", highlight_cursor_line=False)
        self.cursor_blink = False
        self._kept = ""

    def action_copy(self) -> None:
        self._kept = self.selected_text or self._kept

    def action_cut(self) -> None:
        if self.selected_text:
            self._kept = self.selected_text
            self.replace("", *self.selection)

    def action_paste(self) -> None:
        self.replace(self._kept, *self.selection)


class EntryDialog(Dialog):
    """The result is the record's new version, or None.

    `save(text, version)` writes and `reread()` gives the record's version with the newest text of each entry; both are
    called off the loop.
    """

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "dialogs.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="entry.save", tooltip="Write it; the older text stays"),
        Binding("ctrl+r", "reread", "Read again", id="entry.reread", tooltip="Read what others wrote meanwhile"),
    ]

    def __init__(
        self, draft: Draft, save: Callable[[str, int], int], reread: Callable[[], tuple[int, Sequence[HistoryEntry]]]
    ) -> None:
        super().__init__()
        self._draft, self._save, self._reread = draft, save, reread
        self._version = draft.version
        self._working = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._draft.title), classes="dialog-title", markup=False)
            yield EntryArea(self._draft.text)
            with VerticalScroll(id="entry-words", can_focus=False):
                yield Static("", markup=False)
            yield Static(KEYS, classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        area = self.query_one(EntryArea)
        self.set_focus(area)
        area.move_cursor(area.document.end)

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(EntryArea).text

    @property
    def unkept(self) -> bool:
        """Whether what is typed would be lost."""
        return self.text.strip() != self._draft.text.strip()

    def ends_in(self, left: str) -> None:
        """The session ends in `left`; empty where there is time."""
        hint = self.query_one(".dialog-hint", Static)
        hint.set_class(bool(left), "tone-wait")
        hint.update(f"You are signed out in {left}: Ctrl+S saves, else this is lost" if left else KEYS)

    def action_close(self) -> None:
        """Leave; a text that would be lost is asked about first."""
        if not self.unkept:
            self.dismiss(None)
            return

        def decided(leave: bool | None) -> None:
            if leave:
                self.dismiss(None)

        self.app.push_screen(Confirm("Leave without saving?", "What you wrote is lost.", "Leave"), decided)

    def action_save(self) -> None:
        text, version = self.text, self._version
        if self._working:
            return
        if text.strip() == self._draft.text.strip():
            self._say("Nothing was changed." if text.strip() else "Nothing was written yet.", "wait")
            return
        self._working = True
        self._say("Saving", "muted")
        off_loop(self, lambda: self._save(text, version), self._saved, self._refused)

    def _saved(self, version: int) -> None:
        self.dismiss(version)

    def action_reread(self) -> None:
        if not self._working:
            self._working = True
            self._say("Reading the record again", "muted")
            off_loop(self, self._reread, self._taken, self._refused)

    def _taken(self, found: tuple[int, Sequence[HistoryEntry]]) -> None:
        """Show what was written since the text was begun; what is saved from now on builds on it."""
        self._working = False
        before, self._version = self._version, found[0]
        newer = [one for one in found[1] if one.version > before]
        told = [("Nobody wrote anything meanwhile." if not newer else "Written meanwhile; Ctrl+S saves yours after it:",
                 "wait")]  # fmt: skip
        told += [(f"{plain(one.written_by)}, entry {one.entry}: {plain(one.text)}", "text") for one in newer]
        self._tell(told)

    def _refused(self, error: Exception) -> None:
        self._working = False
        if isinstance(error, RecordChanged):
            self._tell(
                [
                    ("The record was edited since you read it: nothing was written. Your text is kept.", "bad"),
                    ("Ctrl+R reads what was written meanwhile, then Ctrl+S saves yours after it.", "text"),
                ]
            )
            return
        told = plain(str(error) or type(error).__name__)
        self._say(f"Not saved: {told}. Your text is kept.", "bad")

    def _say(self, text: str, tone: str) -> None:
        self._tell([(text, tone)])

    def _tell(self, lines: Sequence[tuple[str, str]]) -> None:
        parts = [Content.styled(text + "\n", f"$lw-{tone}") for text, tone in lines]
        self.query_one("#entry-words", VerticalScroll).query_one(Static).update(Content.assemble(*parts))


class VersionsDialog(Dialog):
    """The texts of one entry, the newest first."""

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "dialogs.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space,v", "close", "Close", show=False, id="versions.close", tooltip="Close")
    ]

    def __init__(self, patient_id: str, versions: Sequence[HistoryEntry]) -> None:
        super().__init__()
        self._patient_id, self._versions = patient_id, versions

    def compose(self) -> ComposeResult:
        title = f"{self._patient_id}, entry {self._versions[0].entry}: {len(self._versions)} texts"
        with Vertical(classes="dialog"):
            yield Static(plain(title if len(self._versions) > 1 else title[:-1]), classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-body"):
                yield Static(self._text(), markup=False)
            yield Static("Esc closes", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(".dialog-body"))

    def _text(self) -> Content:
        parts: list[Content] = []
        for one in sorted(self._versions, key=lambda entry: entry.version, reverse=True):
            newest = "now" if not parts else "earlier"
            head = f"version {one.version} ({newest})   {one.written_at:%Y-%m-%d %H:%M} UTC   {plain(one.written_by)}\n"
            parts.append(Content.styled(head, "$lw-accent"))
            shown = "\n".join(plain(line) for line in one.text.splitlines())
            parts.append(Content.styled(f"{shown}\n\n", "$lw-text" if newest == "now" else "$lw-muted"))
        return Content.assemble(*parts)
