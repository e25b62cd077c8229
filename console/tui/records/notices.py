"""The body of the screen where no record is read: for whom records are, and what the role may do here instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from console.actions.permissions import NotSignedIn, PermissionDenied
from console.tui.records.asking import Asked, Asking, Field
from console.tui.records.keys import OFFICER
from console.tui.records.reading import meant_id, patient_id_of
from console.tui.sign_in.words import role_name
from console.tui.text import plain
from console.tui.widgets.closed import Closed
from console.tui.widgets.words import NOTHING, Part

if TYPE_CHECKING:  # the actions are made when the office is opened
    from console.tui.office import SecurityOffice
    from console.tui.shell import Shell

_WHY = {
    "operator": "An operator runs the pipelines and the warehouse, and reads no record.",
    "officer": "An officer manages users and keys, and reads no record: whoever hands out access must not use it.",
    "partner": "A partner is served aggregates through the gateway, and reads no record.",
    "guest": "A guest may look at pipelines and at the warehouse where that is allowed, and reads no record.",
    "data_scientist": "A data scientist asks aggregates of the research projection, and reads no record.",
}
_HOW = {
    "doctor": "A doctor sees and edits assigned patients, on shift, from a known network.",
    "auditor": "An auditor sees every patient from a known network, identifying columns masked.",
}


class Officer(Closed):
    """Shown to who manages users, with the keys for that."""

    BINDINGS: ClassVar[list[BindingType]] = [*OFFICER]

    @property
    def hints(self) -> list[Binding]:
        return [*(one for one in OFFICER if isinstance(one, Binding)), *super().hints]


class NoRecords(Vertical):
    """Explains, and lets an officer assign patients. `role` is None for nobody signed in, `readers` read records."""

    def __init__(
        self,
        shell: Shell,
        office: SecurityOffice,
        role: str | None,
        *,
        readers: Sequence[str],
        assigns: bool,
        again: Callable[[], None],
    ) -> None:
        super().__init__(id="no-records")
        self._shell, self._office, self._role, self._again = shell, office, role, again
        self._readers, self._assigns = readers, assigns
        self._done = ""

    def compose(self) -> ComposeResult:
        yield (Officer if self._assigns else Closed)(self._shell, self._again)

    def on_mount(self) -> None:
        self._notice = self.query_one(Closed)
        self._say()
        self.screen.set_focus(self._notice)

    def _say(self) -> None:
        role = self._role
        why = (
            "No policy permits any role to read records."
            if not self._readers
            else f"The role {role_name(role or '')} reads no record."
        )
        refused = NotSignedIn("not signed in") if role is None else PermissionDenied(_WHY.get(role, why))
        lines: list[Part] = [NOTHING, (self._done, "good")] if self._done else []
        if self._assigns:
            lines += [
                NOTHING,
                ("Who treats whom", "accent"),
                ("  a assigns a patient to a doctor, x takes an assignment back.", "text"),
                ("  Either needs a fresh code and is audited; it takes effect at once.", "text"),
            ]
        if how := [(f"  {text}", "text") for one in self._readers if (text := _HOW.get(one))]:
            lines += [NOTHING, ("How records are read", "accent"), *how]
        self._notice.show("The section Records", refused, roles=self._readers, more=lines)

    def do(self, name: str) -> None:
        """What a key wants done."""
        {"assign": self._assign, "unassign": self._unassign}[name]()

    def idle(self) -> set[str]:
        """The keys that have nothing to act on now."""
        return set()

    def _assign(self) -> None:
        def act(values: Mapping[str, str]) -> object:
            patient_id = self._meant(values)
            self._office.records.assign(patient_id, values["user"])
            return f"{values['user']} treats {patient_id} from now on."

        self._ask(
            "Assign a patient", "The doctor reads and edits the record from now on, while on shift.", "Assign", act
        )

    def _unassign(self) -> None:
        def act(values: Mapping[str, str]) -> object:
            patient_id = self._meant(values)
            if self._office.records.unassign(patient_id, values["user"]):
                return f"{values['user']} no longer treats {patient_id}."
            return f"{values['user']} was not assigned to {patient_id}; nothing was changed."

        self._ask("Take an assignment back", "The doctor no longer sees the record.", "Unassign", act)

    def _meant(self, values: Mapping[str, str]) -> str:
        return meant_id(self._office, patient_id_of(values["patient"]))

    def _ask(self, title: str, text: str, yes: str, act: Callable[[Mapping[str, str]], object]) -> None:
        fields = (
            Field("patient", "Patient id", "the id of a patient, such as P0001"),
            Field("user", "Doctor", "the user name of a doctor"),
        )

        def told(result: str | None) -> None:
            if result:
                self._done = plain(result)
                self._say()

        self.app.push_screen(Asking(Asked(title, text, fields, yes, act), self._shell), told)
