"""One event of the audit log in full, its reason for a short time, the others of its use, and the way to its proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from console.tui.audit.event_words import fields_of, may_have_reason, outcome_cell, time_words
from console.tui.audit.lines_dialog import LinesDialog, named_lines, sentence
from console.tui.off_loop import off_loop
from console.tui.records.identifiers import SHOWN_S, Identifiers
from console.tui.screens.dialogs import Dialog
from console.tui.text import fitted, plain
from console.tui.widgets.dialog_keys import DialogKeys
from console.tui.widgets.line_panel import Line
from security.audit.search import Filter, Recorded
from security.errors import RecordUnknown

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.audit import AuditActions, OpenedReason

AROUND = timedelta(hours=1)  # intent and outcome of a use lie no further apart
MOST = 500  # events that are looked at for one use
SHOWN = 40  # of a use
REASON = "reason"


class EventDetail(LinesDialog):
    """`step(-1)` and `step(1)` give the event before and after; the result is the event to prove, or None.

    A reason is shown for `reason_s`, and goes at once where another event is wanted, or something lies over this.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "prove", "Proof", id="event.prove", tooltip="Prove that the log holds exactly this event"),
        Binding(
            "r", "reason", "Reason", id="event.reason", tooltip="Open the sealed reason, or hide it; it is audited"
        ),
        Binding("c", "use", "Same use", id="event.use", tooltip="All events of the same use, by its correlation"),
        Binding("left", "step(-1)", "Event before", show=False, id="event.before", tooltip="The event above"),
        Binding("right", "step(1)", "Event after", show=False, id="event.after", tooltip="The event below"),
    ]

    def __init__(
        self,
        recorded: Recorded,
        *,
        audit: AuditActions,
        step: Callable[[int], Recorded | None],
        now: Callable[[], datetime],
        reason_s: float = SHOWN_S,
        opens_reason: bool = False,
    ) -> None:
        """`opens_reason` opens the reason at once, as its key does."""
        super().__init__(_title(recorded))
        self._opens_reason = opens_reason
        self._recorded = recorded
        self._audit = audit
        self._step = step
        self._now = now
        self._use: Sequence[Recorded] = ()
        self._told = ("", "muted")
        self._reason = Identifiers(self, self._show_reason, shown_s=reason_s)
        self._reason_lines: tuple[str, int] | None = None  # what is shown of it, and for how many seconds more

    def on_mount(self) -> None:
        super().on_mount()
        if self._opens_reason:
            self.call_after_refresh(self.action_reason)

    def on_screen_suspend(self) -> None:
        """Something lies over this."""
        self._reason.hide()

    def on_unmount(self) -> None:
        self._reason.forget()

    def lines(self, width: int) -> Sequence[Line]:
        found = named_lines(fields_of(self._recorded), width)
        if self._use:
            found += [(), (("All events of this use", "title"),), *self._use_lines()]
        if self._reason_lines is not None:
            text, left_s = self._reason_lines
            found += [(), ((f"The reason, hidden again in {left_s} s", "wait"),), *sentence(text, "strong", width)]
        if self._told[0]:
            found += [(), *sentence(*self._told, width)]
        return found

    @property
    def ends_with_answer(self) -> bool:
        return bool(self._use or self._reason_lines or self._told[0])

    def hint(self) -> str:
        return "Left, Right: the events before and after"

    @property
    def hints(self) -> Sequence[Binding]:
        """The keys that do something with this event."""
        event = self._recorded.event
        can = {"reason": may_have_reason(event), "use": event.correlation}
        idle = {action for action, there in can.items() if not there}
        own = [key for key in (*EventDetail.BINDINGS, *Dialog.BINDINGS) if isinstance(key, Binding) and key.show]
        return [key for key in own if key.action not in idle]

    def action_step(self, by: int) -> None:
        if (found := self._step(by)) is not None:
            self._reason.hide()
            self._recorded, self._use, self._told = found, (), ("", "muted")
            self.retitle(_title(found))
            self.show()
            for keys in self.query(DialogKeys):
                keys.tell()

    def action_prove(self) -> None:
        self.dismiss(self._recorded)

    def action_reason(self) -> None:
        """Open the reason, or hide it."""
        if self._reason.shown:
            self._reason.hide()
            return
        recorded, wanted = self._recorded, self._reason.ask()

        def receive(found: OpenedReason) -> None:
            if wanted == self._reason.wanted:
                self._told = ("", "muted")
                self._reason.take({REASON: found.text})

        def refused(error: Exception) -> None:
            if wanted == self._reason.wanted:
                self._say(str(error), "bad")

        off_loop(self, lambda: self._audit.reason(reason_of(self._audit, recorded)), receive, refused)

    def _show_reason(self, values: Mapping[str, str] | None, left_s: int) -> None:
        begins = self._reason_lines is None
        self._reason_lines = (plain(values[REASON]), left_s) if values else None
        self.show(at_end=begins, stay=not begins)

    def action_use(self) -> None:
        """Look for the events with the same correlation."""
        event = self._recorded.event
        if event.correlation is None:
            self._say("This event stands alone: it was written at once, without an intent before it.", "muted")
            return
        wanted = self._recorded
        off_loop(
            self,
            lambda: same_use(self._audit, wanted),
            lambda found: self._take(wanted, found),
            lambda error: self._say(str(error), "bad"),
        )

    def _take(self, wanted: Recorded, found: Sequence[Recorded]) -> None:
        if wanted is self._recorded:
            self._use, self._told = found, ("", "muted")
            self.show(at_end=True)

    def _say(self, text: str, tone: str) -> None:
        self._told = (plain(text), tone)
        self.show(at_end=True)

    def _use_lines(self) -> list[Line]:
        found: list[Line] = []
        for one in self._use[:SHOWN]:
            event = one.event
            parts = outcome_cell(event).parts
            here = "> " if one.seq == self._recorded.seq else "  "
            number = fitted(f"{one.seq:,}", 9, "right")
            text = f" {time_words(event.at, self._now(), width=11)}  {fitted(plain(event.action), 18)} "
            found.append(((here, "accent"), (number, "muted"), (text, "text"), *parts))
        left = len(self._use) - SHOWN
        return [*found, ((f"  and {left:,} more", "muted"),)] if left > 0 else found


def reason_of(audit: AuditActions, wanted: Recorded) -> int:
    """The number of the event of the same use that has the reason. Raises RecordUnknown where none has."""
    use = [wanted] if wanted.event.sealed or wanted.event.correlation is None else same_use(audit, wanted)
    for one in use:
        if one.event.sealed is not None:
            return one.seq
    raise RecordUnknown("This event has no reason, and no other of its use has one.")


def same_use(audit: AuditActions, wanted: Recorded) -> list[Recorded]:
    """The events with the correlation of `wanted`, oldest first. Raises PermissionDenied, AuditUnavailable."""
    event = wanted.event
    around = Filter(action=event.action, principal=event.principal, since=event.at - AROUND, until=event.at + AROUND)
    found: list[Recorded] = []
    before: int | None = wanted.seq + MOST
    looked = 0
    while looked < 2 * MOST:
        page = audit.search(around, before=before, limit=MOST)
        found += [one for one in page.events if one.event.correlation == event.correlation]
        looked += len(page.events)
        before = page.before
        if before is None:
            break
    return sorted(found, key=lambda one: one.seq)


def _title(recorded: Recorded) -> str:
    return f"Event {recorded.seq:,} of the audit log"
