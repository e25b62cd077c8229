"""What is done with the record that is shown, and what opens over it: identifiers, copies, its history, emergencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from console.actions.permissions import FreshCodeNeeded
from console.tui.clipboard import TooLongToCopy, copy
from console.tui.off_loop import off_loop
from console.tui.records.asking import Asked, Asking, Field
from console.tui.records.entry_dialog import Draft, EntryDialog, VersionsDialog
from console.tui.records.identifiers import Identifiers
from console.tui.records.reading import Opened, history_of, meant_id, patient_id_of
from console.tui.records.record_lines import copied, title_of
from security.audit.sealed import LONGEST_REASON
from security.records.models import HistoryEntry

if TYPE_CHECKING:
    from console.tui.records.desk import RecordDesk

T = TypeVar("T")
NO_RECORD = "No record is open."
PATIENT_ID = "the id of a patient, such as P0001"
EMERGENCY = (
    "For 15 minutes the record can be read although the patient is not assigned to you, on or off shift. Nothing can "
    "be edited. The breaking of the glass, its reason and every reading are audited loudly, and reviewed."
)


class RecordActions:
    """The keys of the record that `desk` shows."""

    def __init__(self, desk: RecordDesk, *, identifiers_s: float) -> None:
        self._desk = desk
        self._records = desk.office.records
        self._identifiers = Identifiers(desk, desk.view.reveal, shown_s=identifiers_s)
        self._versions: VersionsDialog | None = None

    def do(self, name: str) -> None:
        """What a key wants done."""
        keys: dict[str, Callable[[], None]] = {
            "open_id": self._ask_id,
            "reveal": self._reveal,
            "copy": self._copy,
            "history": self._to_history,
            "versions": self._show_versions,
            "add": self._add,
            "amend": self._amend,
            "break_glass": self._break_glass,
        }
        keys[name]()

    def idle(self) -> set[str]:
        """The keys that have nothing to act on now."""
        opened, entry = self._desk.opened, self._entry()
        may_edit = opened is not None and opened.may_edit.allowed
        can = {
            "reveal": opened is not None and opened.may_reveal,
            "add": may_edit,
            "amend": may_edit and entry is not None,
            "versions": entry is not None,
            "history": opened is not None and entry is None,
            "copy": opened is not None,
            "break_glass": self._desk.treats and opened is None,
        }
        return {name for name, possible in can.items() if not possible}

    def clear(self) -> None:
        """Another record is wanted, or none: nothing of this one stays."""
        self.hide_identifiers()
        if self._versions is not None and self._versions.is_current:
            self._versions.dismiss(None)
        self._versions = None

    def hide_identifiers(self) -> None:
        """Show them no longer, and take none that are under way."""
        self._identifiers.hide()

    def forget(self) -> None:
        """Keep nothing of a record: the desk is gone."""
        self._identifiers.forget()
        self._versions = None

    def _ask_id(self) -> None:
        fields = (Field("patient", "Patient id", PATIENT_ID),)
        text = "Opening it is recorded in the audit log."
        asked = Asked("Open a record", text, fields, "Open", lambda values: patient_id_of(values["patient"]))

        def given(patient_id: str | None) -> None:
            if patient_id:
                self._desk.open(patient_id)

        self._push(Asking(asked, self._desk.shell), given)

    def _reveal(self) -> None:
        opened = self._desk.opened
        if opened is None:
            self._say(NO_RECORD)
        elif self._identifiers.shown:
            self._identifiers.hide()
        elif not opened.may_reveal:
            self._say("SSN and insurance id are not shown in clear to this session.")
        else:
            patient_id = opened.patient_id
            wanted = self._identifiers.ask()

            def receive(values: Mapping[str, str]) -> None:
                if wanted == self._identifiers.wanted:
                    self._identifiers.take(values)

            self._call(lambda: self._records.reveal(patient_id), receive, self._reveal)

    def _copy(self) -> None:
        opened, line = self._desk.opened, self._desk.view.lines.line
        if opened is None or line is None:
            self._say(NO_RECORD)
            return
        text = copied(opened.shown.record, line)
        if text is None:
            self._say(f"{title_of(line.column)} cannot be copied.")
            return
        try:
            copy(self._desk.app, text)
        except TooLongToCopy as error:
            self._say(str(error))
        else:
            self._desk.notify(f"Copied: {title_of(line.column)}", markup=False)

    # ---- the history ------------------------------------------------------------------------------------------------

    def _to_history(self) -> None:
        if self._desk.opened is not None:
            self._desk.view.lines.to_history()
            self._desk.screen.set_focus(self._desk.view.lines)

    def _entry(self) -> HistoryEntry | None:
        """The selected entry of the record that is shown."""
        line = self._desk.view.lines.line
        return line.entry if line is not None else None

    def _show_versions(self) -> None:
        opened, entry = self._desk.opened, self._entry()
        if opened is None or entry is None:
            self._say_no_entry()
            return
        reading, patient_id = self._desk.reading, opened.patient_id

        def receive(found: Sequence[HistoryEntry]) -> None:
            texts = [one for one in found if one.entry == entry.entry]
            if reading == self._desk.reading and texts:
                self._versions = VersionsDialog(patient_id, texts)
                self._push(self._versions, lambda _closed: None)

        self._call(lambda: self._records.versions(patient_id), receive, self._show_versions)

    def _add(self) -> None:
        opened = self._editable()
        if opened is not None:
            records, patient_id = self._records, opened.patient_id
            self._write(
                opened,
                Draft(f"New entry in the history of {patient_id}", "", opened.shown.version),
                lambda text, version: records.add(patient_id, text, expected_version=version),
            )

    def _amend(self) -> None:
        opened, entry = self._editable(), self._entry()
        if opened is not None and entry is None:
            self._say_no_entry()
        if opened is not None and entry is not None:
            records, patient_id, number = self._records, opened.patient_id, entry.entry
            self._write(
                opened,
                Draft(f"Entry {number} in the history of {patient_id}", entry.text, opened.shown.version),
                lambda text, version: records.amend(patient_id, number, text, expected_version=version),
            )

    def _editable(self) -> Opened | None:
        """The record that is shown, if it may be edited; else says why not."""
        opened = self._desk.opened
        if opened is None:
            self._say(NO_RECORD)
        elif opened.emergency_s is not None:
            self._say("An emergency lets you read this record, not edit it.")
        elif not opened.may_edit.allowed:
            why = [one.because for one in opened.may_edit.why_not if one.failed]
            self._say("This record may not be edited" + (f": {why[0]}" if why else " by this role") + ".")
        else:
            return opened
        return None

    def _write(self, opened: Opened, draft: Draft, save: Callable[[str, int], int]) -> None:
        patient_id = opened.patient_id

        def reread() -> tuple[int, Sequence[HistoryEntry]]:
            shown = self._records.show(patient_id, identifiers=False)
            return shown.version, history_of(shown.record)

        def written(version: int | None) -> None:
            if version is not None and self._desk.wanted == patient_id:
                self._desk.notify(f"Saved as version {version}.", markup=False)
                self._desk.read(patient_id)

        self._push(EntryDialog(draft, save, reread), written)

    # ---- emergencies ------------------------------------------------------------------------------------------------

    def _break_glass(self) -> None:
        if not self._desk.treats:
            self._say("Only a doctor opens a record in an emergency.")
            return
        known = self._desk.wanted if self._desk.may_break and self._desk.wanted else ""
        fields = (
            Field("patient", "Patient id", PATIENT_ID, known),
            Field("reason", "Reason", "why this record is needed now", longest=LONGEST_REASON),
        )

        def act(values: Mapping[str, str]) -> object:
            patient_id = meant_id(self._desk.office, patient_id_of(values["patient"]))
            self._records.break_glass(patient_id, values["reason"])
            return patient_id

        def opened(patient_id: str | None) -> None:
            if patient_id:
                self._desk.open_in_emergency(patient_id)

        asked = Asked("EMERGENCY: break the glass", EMERGENCY, fields, "Break the glass", act, danger=True)
        self._push(Asking(asked, self._desk.shell), opened)

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _call(self, work: Callable[[], T], then: Callable[[T], None], again: Callable[[], None]) -> None:
        """Ask for more of the record that is shown; where that is refused, see whether the record may still be."""

        def refused(error: Exception) -> None:
            self._desk.shell.explain(error, again)
            if not isinstance(error, FreshCodeNeeded):
                self._desk.look()

        off_loop(self._desk, work, then, refused)

    def _push(self, dialog: Asking | EntryDialog | VersionsDialog, then: Callable[[T | None], None]) -> None:
        self._desk.app.clear_notifications()
        self._desk.app.push_screen(dialog, then)

    def _say_no_entry(self) -> None:
        self._say(NO_RECORD if self._desk.opened is None else "Select an entry of the history first: h goes there.")

    def _say(self, text: str) -> None:
        self._desk.notify(text, severity="warning", markup=False)
