"""Patients on the left, the record of one on the right: which is read, and for how long it may be seen.

Rules:
1. Moving in the list reads nothing: a record is read, and that is audited, when it is opened.
2. What was shown goes before anything else is asked for; an answer for a patient no longer wanted is dropped.
3. Every few seconds it is asked whether the record, or the list, may still be seen; once it may not be, it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message

from console.actions.permissions import NotSignedIn, PermissionDenied
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.records.identifiers import SHOWN_S
from console.tui.records.patient_list import PatientList
from console.tui.records.reading import NotShown, Opened, glass_left_s, open_record, still_permitted
from console.tui.records.record_actions import RecordActions
from console.tui.records.record_view import EmergencyBand, RecordView, left_words
from console.tui.widgets.closed import closed_lines, refusal_lines
from console.tui.widgets.line_table import LineTable
from console.tui.widgets.words import NOTHING, Part
from security.errors import ReadRefused
from security.policy.model import Action

if TYPE_CHECKING:  # the actions are made when the office is opened
    from console.actions.records import Line
    from console.tui.office import SecurityOffice
    from console.tui.shell import Shell
    from security.policy.model import Decision

LOOK_S = 5.0  # how often it is asked whether the record may still be seen
TICK_S = 1.0
MOST_PATIENTS = 500
BY_NAME = "name or id", "Whole words of a name, or how an id begins"
BY_ID = "id", "How an id begins; names are masked, so none is found by name"
NOTHING_OPEN: tuple[Part, ...] = (
    ("No record is open", "strong"),
    NOTHING,
    ("Enter opens the selected patient's record; that is recorded in the audit log.", "text"),
    ("/ finds patients, o opens a record by the patient's id.", "text"),
)


class RecordDesk(Vertical):
    """The body of the screen for a role that reads records. `user` is who is signed in.

    `treats` is whether the role finds patients by name and opens records in emergencies.
    """

    class Changed(Message):
        """Other keys than before can do something."""

    def __init__(
        self,
        shell: Shell,
        office: SecurityOffice,
        user: str,
        *,
        treats: bool,
        identifiers_s: float = SHOWN_S,
        look_s: float = LOOK_S,
    ) -> None:
        super().__init__(id="records-desk")
        self.shell, self.office, self.treats = shell, office, treats
        self.wanted: str | None = None  # the patient whose record is shown, read or refused
        self.may_break = False  # whether an emergency would open the one that was refused
        self._user = user
        self._identifiers_s, self._look_s = identifiers_s, look_s
        self._asked = 0  # which reading of a record is the newest
        self._listed = 0  # which reading of the list is
        self._to_select: str | None = None  # the patient to select once the list is read
        self._glass: dict[str, float] = {}  # for whom it is broken, and until when by the monotonic clock

    def compose(self) -> ComposeResult:
        yield EmergencyBand()
        with Horizontal(id="panels"):
            yield PatientList(*(BY_NAME if self.treats else BY_ID))
            yield RecordView(id="record-view")

    def on_mount(self) -> None:
        self.list, self.view = self.query_one(PatientList), self.query_one(RecordView)
        self._band = self.query_one(EmergencyBand)
        self._actions = RecordActions(self, identifiers_s=self._identifiers_s)
        self.set_interval(self._look_s, self.look)
        self.set_interval(TICK_S, self._tick)
        self.view.say(NOTHING_OPEN)
        self.read_patients()
        self.screen.set_focus(self.list.table)

    def on_unmount(self) -> None:
        self._asked += 1
        self._actions.forget()

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- the list ---------------------------------------------------------------------------------------------------

    def on_patient_list_find(self) -> None:
        self.read_patients(anew=True)

    def read_patients(self, *, anew: bool = False) -> None:
        """Read which patients there are, those with what was typed in the field alone.

        The selected one stays selected, unless they are read `anew`.
        """
        self._listed += 1
        listed, wanted, selected = self._listed, self.list.searched, self.list.table.line
        if anew:
            self._to_select = None
        elif selected is not None:
            self._to_select = selected.patient_id

        def receive(found: tuple[Sequence[Line], dict[str, float]]) -> None:
            if listed == self._listed:
                lines, glass = found
                self._take_glass(glass)
                self._show_patients(lines, wanted)

        def refused(error: Exception) -> None:
            if listed == self._listed:
                self._refuse_patients(error)

        def work() -> tuple[Sequence[Line], dict[str, float]]:
            self.office.records.check_find()  # before anything is tried: to look here is no refused access
            lines = self.office.records.find(wanted, limit=MOST_PATIENTS)
            return lines, glass_left_s(self.office, self._user) if self.treats else {}

        self.list.show((), (("reading the patients", "muted"),), "")
        off_loop(self, work, receive, refused)

    def _show_patients(self, lines: Sequence[Line], wanted: str) -> None:
        capped = len(lines) == MOST_PATIENTS
        note = f"{'first ' if capped else ''}{len(lines):,}"
        words = "None of your patients; names are found by whole words." if wanted else "No patient is assigned to you."
        by = "a name or id" if self.treats else "an id"
        found = "found" if wanted else "by id"
        more = f"The first {len(lines):,} {found}; / finds the others by {by}." if capped else ""
        self.list.show(lines, ((words, "muted"),), note, select=self._to_select, more=more)
        if self.wanted is None:
            self.view.say(NOTHING_OPEN)
        self.post_message(self.Changed())

    def _refuse_patients(self, error: Exception) -> None:
        """Told beside the list, unless it is told there why one patient is not shown; in it, if none is found."""
        if isinstance(error, ReadRefused):
            self.list.show((), [(line, "muted") for line in refusal_lines(error)], "0")
            self.post_message(self.Changed())
            return
        self._take_glass({})
        self.list.show((), (("None is shown.", "muted"),), "")
        if self.wanted is None:
            self.view.say([*self._closed_lines("The list of patients", error), *self._ways_on(error)])
        self.post_message(self.Changed())

    def _closed_lines(self, what: str, error: Exception) -> list[Part]:
        return closed_lines(what, error, roles=self.office.gate.roles_for(Action.VIEW_RECORD), who=self.shell.who)

    def _ways_on(self, error: Exception) -> list[Part]:
        if isinstance(error, NotSignedIn):
            return []
        lines: list[Part] = [NOTHING, ("r reads again; o opens a record by the patient's id.", "muted")]
        if self.treats:
            lines.append(("b opens one in an emergency, loudly audited.", "muted"))
        return lines

    # ---- a record ---------------------------------------------------------------------------------------------------

    @property
    def opened(self) -> Opened | None:
        """The record that is shown."""
        return self.view.opened

    @property
    def reading(self) -> int:
        """Changes whenever another record is wanted, or the same again: for answers that come late."""
        return self._asked

    def open(self, patient_id: str) -> None:
        """Read the record of a patient, by the id as it was typed, and show it."""
        self.close_record()
        self.wanted = self._to_select = patient_id
        self.list.table.select(patient_id)
        self.list.table.mark(patient_id)
        self.view.say([(f"Reading the record of {patient_id}", "muted")], patient_id)
        self.read(patient_id)

    def open_in_emergency(self, patient_id: str) -> None:
        """The glass was broken: show the record, and the patient among all others."""
        self.list.leave()
        self.read_patients()
        self.open(patient_id)

    def close_record(self) -> None:
        """Show no record, and take no answer that is under way."""
        self._asked += 1
        self.wanted, self.may_break = None, False
        self._actions.clear()
        self.list.table.mark(None)
        self.view.say(NOTHING_OPEN)
        self._tell_glass()
        self.post_message(self.Changed())

    def hide_identifiers(self) -> None:
        """At once: the screen is left, or something lies over it."""
        self._actions.hide_identifiers()

    def read(self, patient_id: str) -> None:
        """Read the record of the wanted patient, which stays until the new one is there."""
        self._asked += 1
        asked = self._asked

        def receive(opened: Opened) -> None:
            if asked == self._asked:
                self._take(opened)

        def refused(error: Exception) -> None:
            if asked == self._asked:
                self._refuse(patient_id, error)

        off_loop(self, lambda: open_record(self.office, self._user, patient_id), receive, refused)

    def _take(self, opened: Opened) -> None:
        self._actions.hide_identifiers()
        if opened.patient_id != self.wanted:
            self.wanted = self._to_select = opened.patient_id
            self.list.table.select(opened.patient_id)
            self.list.table.mark(opened.patient_id)
        self.view.show(opened)
        if opened.emergency_s is not None:
            self._glass[opened.patient_id] = monotonic() + opened.emergency_s
        self._tell_glass()
        self._focus_beside()
        self.post_message(self.Changed())

    def _refuse(self, patient_id: str, error: Exception) -> None:
        cause = error.error if isinstance(error, NotShown) else error
        self.close_record()
        self.wanted = patient_id
        self.may_break = isinstance(error, NotShown) and error.may_break
        lines = self._closed_lines(f"The record of {patient_id}", cause)
        if self.may_break:
            lines += [NOTHING, ("In an emergency, b opens it for 15 minutes. That is audited loudly.", "wait")]
            lines.append(("An id that nobody has is refused alike: see that it is right.", "muted"))
        self.view.say(lines, patient_id)
        self._focus_beside()
        if isinstance(cause, NotSignedIn):
            self.shell.explain(cause, lambda: self.open(patient_id))

    def _focus_beside(self) -> None:
        """To the record, or to why it is not shown, unless a name is being typed."""
        if self.screen.focused is not self.list.field:
            self.screen.set_focus(self.view.content)

    # ---- while it is shown ------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Ask whether the record, or the list, may still be seen: shifts, assignments and sessions end meanwhile."""
        opened, selected = self.opened, self.list.table.line
        patient_id = opened.patient_id if opened else selected.patient_id if selected else None
        if patient_id is None:
            return
        asked = self._asked

        def told(decision: Decision) -> None:
            if asked == self._asked and not decision.allowed:
                self._empty(patient_id, decision)

        def failed(error: Exception) -> None:
            if asked == self._asked:
                self._refuse(patient_id, error)
                self._refuse_patients(error)

        off_loop(self, lambda: still_permitted(self.office, patient_id), told, failed)

    def _empty(self, patient_id: str, decision: Decision) -> None:
        """The record goes, and the list is read again: what ended for one patient may have ended for all."""
        if self.opened is not None:
            self.close_record()
            self.wanted = patient_id
            _title, *lines = self._closed_lines("", PermissionDenied("", decision))
            self.view.say([(f"The record of {patient_id} is no longer open to you", "bold wait"), *lines], patient_id)
        self.read_patients()

    def _take_glass(self, left_s: Mapping[str, float]) -> None:
        now = monotonic()
        self._glass = {patient_id: now + left for patient_id, left in left_s.items()}
        self._tell_glass()

    def _tell_glass(self) -> None:
        """For whom the glass is broken and how long yet: above everything, and in the list."""
        now, opened = monotonic(), self.opened
        left_s = {patient_id: max(until - now, 0.0) for patient_id, until in self._glass.items()}
        through = opened.patient_id if opened is not None and opened.emergency_s is not None else None
        self._band.show(left_s, through)
        self.list.tell_glass({patient_id: left_words(left) for patient_id, left in left_s.items()})

    def _tick(self) -> None:
        ended = [patient_id for patient_id, until in self._glass.items() if until <= monotonic()]
        for patient_id in ended:
            del self._glass[patient_id]
        self._tell_glass()
        if ended and self.opened is not None and self.opened.patient_id in ended:
            self.look()
        elif ended:
            self.read_patients()

    # ---- keys -------------------------------------------------------------------------------------------------------

    def do(self, name: str) -> None:
        """What a key wants done."""
        own: dict[str, Callable[[], None]] = {
            "open": self._open_selected,
            "find": self.list.ask,
            "all": self._show_all,
            "leave": self._leave,
            "reread": self._reread,
        }
        if name in own:
            own[name]()
        else:
            self._actions.do(name)

    def idle(self) -> set[str]:
        """The keys that have nothing to act on now."""
        idle = self._actions.idle()
        if not self.list.table.lines:
            idle.add("open")
        if self.opened is None:
            idle.add("leave")
        return idle

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        event.stop()
        if event.table is self.list.table:
            self._open_selected()

    def _open_selected(self) -> None:
        line = self.list.table.line
        if line is not None:
            self.open(line.patient_id)

    def _show_all(self) -> None:
        searched = bool(self.list.searched)
        self.list.leave()
        if searched:
            self.read_patients()

    def _leave(self) -> None:
        """Close the record; without one, show all patients again."""
        if self.wanted is not None:
            self.close_record()
        elif self.list.searched:
            self._show_all()
        self.screen.set_focus(self.list.table)

    def _reread(self) -> None:
        if self.wanted is not None and self.screen.focused is not self.list.table:
            self.read(self.wanted)
        else:
            self.read_patients()
