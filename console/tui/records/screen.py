"""The Records section: patients and their records as the role sees them, research, or why neither is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Input

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.records.desk import LOOK_S, RecordDesk
from console.tui.records.identifiers import SHOWN_S
from console.tui.records.notices import NoRecords
from console.tui.records.patient_list import FindField
from console.tui.records.research import ResearchDesk
from console.tui.screens.help import Sign
from console.tui.shell import Shell
from console.tui.theme import Glyphs
from console.tui.widgets.bars import Header, KeyHints, SectionBar
from console.tui.widgets.closed import Closed
from console.tui.widgets.section_title import SectionTitle
from console.tui.widgets.words import Words
from security.policy.model import Action

if TYPE_CHECKING:  # the actions are made when the office is opened
    from console.actions.gate import Gate
    from console.tui.office import SecurityOffice

Body = RecordDesk | ResearchDesk | NoRecords
WIDE, ROOMY, NARROW = 110, 96, 76
EDITS = ("add", "amend")
RECORD_SIGNS = (
    ("= clear", "good", "as it is stored"),
    ("# masked", "wait", "its mask alone is shown to this session"),
    ("# hidden", "wait", "its mask, until i shows it for a short time"),
    ("x denied", "bad", "not shown to this role"),
    (">", "accent", "the patient whose record is shown"),
)


@dataclass(frozen=True, slots=True)
class Permitted:
    """The roles that the policies let do what this section offers."""

    read: tuple[str, ...]
    break_glass: tuple[str, ...]
    research: tuple[str, ...]
    manage: tuple[str, ...]
    edit: tuple[str, ...]
    unmask: tuple[str, ...]

    @classmethod
    def by(cls, gate: Gate) -> Permitted:
        """As the policies are now."""
        actions = (Action.VIEW_RECORD, Action.BREAK_GLASS, Action.QUERY_RESEARCH, Action.MANAGE_USERS)
        return cls(*(gate.roles_for(action) for action in (*actions, Action.EDIT_RECORD, Action.UNMASK_SSN)))

    def denied_keys(self, role: str | None) -> frozenset[str]:
        """What keys of a record do that this role never may."""
        keys = {"break_glass": self.break_glass, "add": self.edit, "amend": self.edit, "reveal": self.unmask}
        return frozenset(name for name, roles in keys.items() if role not in roles)


class RecordsScreen(Screen[None]):
    """Chooses its body by the role of who is signed in; screens are made anew when that changes.

    Identifiers are shown for `identifiers_s`; whether a record may still be seen is asked every `look_s`.
    """

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ""
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next panel", show=False, id="records.tab", tooltip="The next panel or field"),
    ]

    def __init__(self, shell: Shell, *, identifiers_s: float = SHOWN_S, look_s: float = LOOK_S) -> None:
        super().__init__()
        self._shell = shell
        self._identifiers_s, self._look_s = identifiers_s, look_s
        self._body: Body | None = None
        self._denied: frozenset[str] = frozenset()  # what keys do that the role of who is signed in never may

    def compose(self) -> ComposeResult:
        shell = self._shell
        yield Header(practice=shell.practice, tabs=shell.tabs, here="security", place=shell.place)
        yield SectionBar(shell.sections, "records")
        with Vertical(id="records-body"):
            yield Words(id="records-opening")
            yield Closed(shell, self._open, id="records-closed")
        yield KeyHints()

    def on_mount(self) -> None:
        self._opening, self._shut = self.query_one("#records-opening", Words), self.query_one(Closed)
        self._opening.can_focus = False
        self.call_after_refresh(self._open)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def _open(self) -> None:
        self._opening.display, self._shut.display = True, False
        self._opening.say((("Opening the records", "muted"),))
        self._shell.start()

        def opened() -> tuple[SecurityOffice, Permitted]:
            office = self._shell.open_office()
            return office, Permitted.by(office.gate)

        off_loop(self, opened, lambda found: self._show(*found), self._failed)

    def _show(self, office: SecurityOffice, permitted: Permitted) -> None:
        self._body = self._body_for(office, permitted)
        self._opening.display = False
        self.query_one("#records-body").mount(self._body)

    def _body_for(self, office: SecurityOffice, permitted: Permitted) -> Body:
        who = self._shell.who
        role = str(who.role) if who is not None else None
        self._denied = permitted.denied_keys(role)
        if who is not None and role in permitted.read:
            return RecordDesk(
                self._shell,
                office,
                who.user,
                treats=role in permitted.break_glass,
                identifiers_s=self._identifiers_s,
                look_s=self._look_s,
            )
        if role in permitted.research:
            return ResearchDesk(self._shell, office)
        assigns = role in permitted.manage
        return NoRecords(self._shell, office, role, readers=permitted.read, assigns=assigns, again=self._signed_in)

    def _signed_in(self) -> None:
        """Another may see another body."""
        if self._body is not None:
            self._body.remove()
            self._body = None
        self._open()

    def _failed(self, error: Exception) -> None:
        self._shut.show("The section Records", error)
        self._opening.display, self._shut.display = False, True
        self.set_focus(self._shut)

    # ---- keys and signs ---------------------------------------------------------------------------------------------

    def is_denied(self, action: str) -> bool:
        """For the help, which names these keys too."""
        return action in {f"screen.do('{name}')" for name in self._denied}

    def is_refused(self, action: str) -> bool:
        """For the command palette, which leaves out what this role never may, and edits where a record is read only."""
        opened = self._body.opened if isinstance(self._body, RecordDesk) and self._body.is_mounted else None
        read_only = opened is not None and not opened.may_edit.allowed
        return self.is_denied(action) or (read_only and action in {f"screen.do('{name}')" for name in EDITS})

    def help_signs(self, _drawn: Glyphs) -> Sequence[Sign]:
        """How each value is shown; none of it stands before who reads no record."""
        return RECORD_SIGNS if isinstance(self._body, RecordDesk) else ()

    def action_do(self, name: str) -> None:
        """What a key of the body wants done."""
        if self._body is not None and self._body.is_mounted:
            self._body.do(name)

    def on_screen_suspend(self) -> None:
        """Another section, a dialog or the help lies over it: identifiers go at once."""
        if isinstance(self._body, RecordDesk) and self._body.is_mounted:
            self._body.hide_identifiers()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(ROOMY <= event.size.width < WIDE, "-roomy")
        self.set_class(event.size.width < NARROW, "-narrow")

    def on_descendant_focus(self) -> None:
        """Of what has the focus now: it may have moved on since this was told."""
        around = {node.id for node in self.focused.ancestors} if self.focused is not None else set()
        for title, panel in (("patients-title", "patient-list"), ("record-title", "record-view")):
            for found in self.query(f"#{title}").results(SectionTitle):
                found.activate(panel in around)
        self._hint()

    def on_line_table_selected(self) -> None:
        self._hint()

    def on_record_desk_changed(self) -> None:
        self._hint()

    def _hint(self) -> None:
        """The keys of the panel with the focus that can do something now."""
        focused = self.focused
        if focused is None:
            self.query_one(KeyHints).show([])
            return
        if isinstance(focused, Closed):
            self.query_one(KeyHints).show(focused.hints)
            return
        own = [b for b in type(focused).BINDINGS if isinstance(b, Binding) and b.show]
        if isinstance(focused, Input) and not isinstance(focused, FindField):
            own = [b for b in own if b.key == "enter"]
        body = self._body if self._body is not None and self._body.is_mounted else None
        idle = {f"screen.do('{name}')" for name in body.idle()} if body is not None else set()
        self.query_one(KeyHints).show([b for b in own if b.action not in idle])
