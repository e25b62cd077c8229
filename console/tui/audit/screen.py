"""The Audit section: the end of the audit log as it grows, what was searched for, and the way to proof and check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from console.actions.permissions import PermissionDenied
from console.tui.audit.alarm import Alarm, Fails
from console.tui.audit.event_words import events_words, fields_of, may_have_reason
from console.tui.audit.lines_dialog import named_lines
from console.tui.audit.log_lines import PAGE, LogLines
from console.tui.audit.log_reading import Since, Start, since, start
from console.tui.audit.log_table import LogTable
from console.tui.audit.verify_words import Verified, keepers_words, problems_words
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.screens.help import Sign
from console.tui.shell import Shell
from console.tui.text import plain
from console.tui.theme import Glyphs
from console.tui.widgets.bars import Header, KeyHints, SectionBar
from console.tui.widgets.closed import Closed
from console.tui.widgets.line_panel import LinePanel
from console.tui.widgets.section_title import SectionTitle
from etl.models import RunState
from security.audit.search import Filter, Page, Recorded
from security.errors import AuditUnavailable
from security.records.patient_ids import meant

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.audit import AuditActions, Proof
    from console.tui.audit.filter_form import Asked
    from console.tui.office import SecurityOffice
    from security.audit.courier import KeeperStatus

T = TypeVar("T")
READ_AUDIT, AUDIT = "read_audit", "audit"
EVERY_S = 1.0  # between two looks at the end of the log
WRITING_EVERY_S = 3.0  # between two tries whether it can be written
HIGH = 34
KEYS = ("open", "filter", "clear_filter", "prove", "reason", "verify")  # what needs the log


def _bind(key: str, action: str, what: str, tooltip: str, *, show: bool = True) -> Binding:
    return Binding(key, action, what, show=show, id=f"audit.{what.lower().replace(' ', '-')}", tooltip=tooltip)


class AuditScreen(Screen[None]):
    """Reads through `AuditActions`, once a second while it is on the screen and the reader is at the end."""

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        _bind("slash,f", "filter", "Search", "Search all events: kind, action, user, decision, time, patient"),
        _bind("p", "prove", "Proof", "Prove that the log holds exactly the selected event"),
        _bind("r", "reason", "Reason", "Open the selected event with its sealed reason; it is audited"),
        _bind("v", "verify", "Verify", "Verify the whole log, and against the copies outside"),
        _bind("escape", "clear_filter", "Show all", "Leave the search"),
    ]

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._lines = LogLines()
        self._office: SecurityOffice | None = None
        self._error: Exception | None = None  # why the log is not shown
        self._asking = False  # a look at the log is under way
        self._trying = False  # so is a try whether it can be written
        self._generation = 0  # of the lines: what was asked for others is dropped
        self._typed: dict[str, str] = {}
        self._filter_text = ""
        self._newer = 0  # events that came while the reader was elsewhere in the log
        self._keepers: Sequence[KeeperStatus] = ()
        self._state = ""
        self._previewed: tuple[Recorded | None, int] | None = None  # the event, and for how many cells
        self._verified: tuple[str, Verified] | None = None  # when, as the log tells times

    def compose(self) -> ComposeResult:
        shell = self._shell
        yield Header(practice=shell.practice, tabs=shell.tabs, here="security", place=shell.place)
        yield SectionBar(shell.sections, "audit")
        yield Alarm()
        yield Closed(shell, self._again)
        yield SectionTitle("Audit log", id="log-title")
        yield LogTable(self._lines, shell.now)
        yield SectionTitle("Event", id="preview-title")
        yield LinePanel(id="preview")
        yield Static("", id="state", markup=False)
        yield KeyHints()

    def on_mount(self) -> None:
        self._table = self.query_one(LogTable)
        self._shut = self.query_one(Closed)
        self._alarm = self.query_one(Alarm)
        self._shut.display = False
        self.query_one("#preview", LinePanel).can_focus = False
        self.set_focus(self._table)
        self.call_after_refresh(self._open)
        self.set_interval(EVERY_S, self._look)
        self.set_interval(WRITING_EVERY_S, self._try_writing)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- opening ----------------------------------------------------------------------------------------------------

    @property
    def audit(self) -> AuditActions:
        """The actions. Only asked for once they are there, which every key waits for."""
        assert self._office is not None
        return self._office.audit

    def _open(self) -> None:
        self._shell.start()
        off_loop(self, self._shell.open_office, self._take_office, self._fail)

    def _take_office(self, office: SecurityOffice) -> None:
        self._office = office
        self._read(Filter())

    def _read(self, wanted: Filter) -> None:
        """Show the newest events that pass `wanted`."""
        audit = self.audit
        self._generation += 1
        self._table.empty_text = (("reading the log", "muted"),)
        self._ask(lambda: start(audit, wanted), self._begin)

    def _ask(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Look at the log off the loop; what comes after other lines were asked for is dropped.

        Whether that is permitted is asked before it is tried: to look at a closed section is no refused access.
        """
        assert self._office is not None
        gate = self._office.gate
        self._asking, generation = True, self._generation

        def permitted() -> T:
            gate.check(READ_AUDIT, AUDIT)
            return work()

        def current(receive: Callable[[Any], None]) -> Callable[[Any], None]:
            def take(result: Any) -> None:
                if generation == self._generation:
                    self._asking = False
                    receive(result)

            return take

        off_loop(self, permitted, current(then), current(self._fail))

    def _begin(self, found: Start) -> None:
        self._recover()
        self._lines.begin(found.wanted, found.size, found.page)
        self._keepers, self._newer = found.keepers, 0
        self._table.empty_text = empty_text(filtered=found.wanted != Filter())
        self._table.restart()
        self._tell()

    def _fail(self, error: Exception) -> None:
        """Nothing can be shown: say why in place of it. What is shown already stays, unless it is closed now."""
        denied = isinstance(error, PermissionDenied)
        if not denied:
            self._alarm.tell(Fails.READING, str(error) or type(error).__name__)
            if self._lines.rows:
                return
        self._error = error
        self._lines.begin(Filter(), 0, Page((), None))
        roles = self._office.gate.roles_for(READ_AUDIT) if self._office else ()
        self._shut.show("The audit log", error, roles=roles)
        self._show_log(False)
        self.set_focus(self._shut)
        self._hint()

    def _recover(self) -> None:
        self._error = None
        self._alarm.tell(Fails.READING, "")
        if self._shut.display:
            self._show_log(True)
            self.set_focus(self._table)

    def _show_log(self, shown: bool) -> None:
        self._shut.display = not shown
        for name in ("#log-title", "#log", "#state"):
            self.query_one(name).display = shown
        self.set_class(shown and self.size.height >= HIGH, "-high")

    def _again(self) -> None:
        if self._office is None:
            self._open()
        else:
            self._read(self._lines.wanted)

    # ---- whether it can be written ----------------------------------------------------------------------------------

    def _try_writing(self) -> None:
        """Every few seconds, for who may read the log: nothing is disclosed while it cannot be written."""
        if self._office is None or self._trying or not self.is_current or isinstance(self._error, PermissionDenied):
            return
        self._trying = True
        off_loop(self, self._office.audit.trouble, self._take_trouble, self._take_trouble)

    def _take_trouble(self, trouble: str | Exception | None) -> None:
        self._trying = False
        if isinstance(trouble, PermissionDenied):
            return
        self._alarm.tell(Fails.WRITING, str(trouble or ""))
        if trouble is None and isinstance(self._error, AuditUnavailable):
            self._again()

    # ---- the end of the log -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Once a second: what is new, if somebody sees it."""
        if self._office is None or self._asking or self._shut.display or not self.is_current:
            return
        audit, seen, follows = self._office.audit, self._lines.seen, self._table.follows
        self._ask(lambda: since(audit, seen if follows else None), self._take_news)

    def _take_news(self, news: Since) -> None:
        self._alarm.tell(Fails.READING, "")
        self._keepers = news.keepers
        if news.size <= self._lines.seen:
            had = self._lines.seen + 1
            self._alarm.tell(
                Fails.CONTENT, f"It had {events_words(had)}, now it has {news.size:,}: v says what is missing"
            )
        if news.events is None or not self._table.follows:
            self._newer = max(news.size - 1 - self._lines.seen, 0)
        else:
            self._grow(news.events)
        self._tell()
        self._table.want_older()
        if news.events is not None and len(news.events) == PAGE:
            self._look()

    def _grow(self, found: list[Recorded]) -> None:
        self._newer = 0
        added = self._lines.newer(found)
        if not added:
            return
        self._lines.trim()
        self._table.grown()

    def on_log_table_moved(self) -> None:
        if self._table.follows:
            self._look()
        self._tell()

    def on_log_table_older(self) -> None:
        """Load the page before the first line, once it comes near."""
        if self._office is None or self._asking or self._lines.before is None:
            return
        audit, wanted, before = self._office.audit, self._lines.wanted, self._lines.before
        self._ask(lambda: audit.search(wanted, before=before, limit=PAGE), self._take_older)

    def _take_older(self, page: Page) -> None:
        self._table.grown_above(self._lines.older(page))
        self._tell()

    # ---- what is told -----------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        self._table.fit_times()
        self.query_one("#log-title", SectionTitle).say(self._title_words())
        state = self._state_words()
        if state != self._state:  # what is the same is not sent to the terminal again every second
            self._state = state
            self.query_one("#state", Static).update(state)
        self._show_preview()
        self._hint()

    def _title_words(self) -> str:
        if self._table.follows:
            tail = "live" if self._filter_text else "live, newest at the bottom"
        else:
            newer = f"{self._newer:,} newer, " if self._newer else ""
            tail = f"stopped here: {newer}End goes on"
        return f"{tail}   only: {self._filter_text}" if self._filter_text else tail

    def _state_words(self) -> str:
        """The size of the log, what the copies outside hold, and the last verification."""
        size = self._lines.seen + 1 + self._newer
        parts = [events_words(size), keepers_words(self._keepers, size)]
        if self._verified is not None:
            at, verified = self._verified
            report = verified.report
            parts.append(
                f"verified {at}: " + ("intact" if report.ok else f"NOT INTACT, {problems_words(report.found)}")
            )
        else:
            parts.append("not verified in this session")
        return "   ".join(parts)

    def _show_preview(self) -> None:
        if not self.has_class("-high"):
            return
        panel, line = self.query_one("#preview", LinePanel), self._table.line
        if self._previewed == (line, panel.line_width):
            return
        self._previewed = line, panel.line_width
        title = f"{line.seq:,}" if line else ""
        self.query_one("#preview-title", SectionTitle).say(title)
        panel.show(named_lines(fields_of(line), panel.line_width) if line else ())

    def _hint(self) -> None:
        hints = self.query_one(KeyHints)
        if self._shut.display:
            broken = self._office is not None and not isinstance(self._error, PermissionDenied)
            verify = [b for b in self._own() if broken and b.action == "verify"]
            hints.show([*self._shut.hints, *verify])
            return
        own = self._own()
        idle = set() if self._filter_text else {"clear_filter"}
        line = self._table.line
        if line is None:
            idle |= {"prove"}
        if line is None or not may_have_reason(line.event):
            idle |= {"reason"}
        of_table = [b for b in LogTable.BINDINGS if isinstance(b, Binding) and b.show and self._table.line]
        hints.show([*of_table, *(b for b in own if b.action not in idle)])

    def _own(self) -> list[Binding]:
        return [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show]

    def on_line_table_selected(self) -> None:
        self._show_preview()
        self._hint()

    def on_descendant_focus(self) -> None:
        """Of what has the focus now: it may have moved on since this was told."""
        self.query_one("#log-title", SectionTitle).activate(self.focused is self._table)
        self._hint()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height >= HIGH and not self._shut.display, "-high")
        self.call_after_refresh(self._show_preview)

    # ---- keys -------------------------------------------------------------------------------------------------------

    def help_signs(self, drawn: Glyphs) -> Sequence[Sign]:
        """What stands before the lines that must not be overlooked."""
        return (
            (drawn.run[RunState.FAILED], "bad", "denied, refused, or permitted and failed"),
            ("!", "wait", "the glass was broken, or a record seen through it"),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing of the log can be done before it is there, or where it is closed; verifying a broken one can."""
        if action in KEYS and self._office is None:
            return False
        if action in KEYS and self._shut.display:
            return action == "verify" and not isinstance(self._error, PermissionDenied)
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        from console.tui.audit.filter_form import FilterForm  # only when wanted: the first paint does without

        self.app.clear_notifications()
        self.app.push_screen(FilterForm(self._typed, self._shell.now), self._filtered)

    def _filtered(self, asked: Asked | None) -> None:
        if asked is None:
            return
        self._typed, self._filter_text = asked.typed, plain(asked.wanted.text)
        wanted = asked.wanted
        if not wanted.patient:
            self._read(wanted.filter)
            return
        assert self._office is not None
        audit, known = self.audit, self._office.gate.access.facts.patients

        def looked_up(pseudonym: str) -> None:
            self._read(wanted.with_pseudonym(pseudonym))

        off_loop(self, lambda: audit.pseudonym(meant(wanted.patient, known)), looked_up, self._refuse)

    def action_clear_filter(self) -> None:
        if self._filter_text:
            self._typed, self._filter_text = {}, ""
            self._read(Filter())

    def action_open(self) -> None:
        """The selected event in full."""
        self._show_event(opens_reason=False)

    def action_reason(self) -> None:
        """The same, and the reason that its use was given."""
        self._show_event(opens_reason=True)

    def _show_event(self, *, opens_reason: bool) -> None:
        if (line := self._table.line) is None:
            return
        from console.tui.audit.event_detail import EventDetail  # only when wanted: the first paint does without

        detail = EventDetail(line, audit=self.audit, step=self._step, now=self._shell.now, opens_reason=opens_reason)
        self.app.clear_notifications()
        self.app.push_screen(detail, self._prove_chosen)

    def on_line_table_opened(self) -> None:
        self.action_open()

    def _step(self, by: int) -> Recorded | None:
        """Select the event above or below; None at the end."""
        wanted = self._table.cursor + by
        if not 0 <= wanted < self._table.line_count():
            return None
        self._table.move_to(wanted)
        return self._table.line

    def action_prove(self) -> None:
        self._prove_chosen(self._table.line)

    def _prove_chosen(self, line: Recorded | None) -> None:
        if line is None:
            return
        audit = self.audit

        def show(proof: Proof) -> None:
            self._alarm.tell(Fails.WRITING, "")
            from console.tui.audit.proof_view import ProofView  # only when wanted: the first paint does without

            self.app.clear_notifications()
            self.app.push_screen(ProofView(proof, line))

        off_loop(
            self,
            lambda: audit.proof(line.seq),
            show,
            lambda error: self._refuse(error, lambda: self._prove_chosen(line)),
        )

    def action_verify(self) -> None:
        from console.tui.audit.verify_dialog import VerifyDialog  # only when wanted: the first paint does without

        self.app.clear_notifications()
        self.app.push_screen(VerifyDialog(self.audit, self._take_verified))

    def _take_verified(self, verified: Verified) -> None:
        self._verified = f"{self._shell.now().astimezone(UTC):%H:%M:%S} UTC", verified
        found = verified.report.found
        self._alarm.tell(
            Fails.CONTENT, f"Verified, and {problems_words(found)}: v verifies again and shows where" if found else ""
        )
        self._alarm.tell(Fails.WRITING, verified.unrecorded)
        if not self._shut.display:
            self._tell()

    def _refuse(self, error: Exception, again: Callable[[], Any] | None = None) -> None:
        """Something asked for was refused, or failed."""
        if isinstance(error, AuditUnavailable):
            self._alarm.tell(Fails.WRITING, str(error))
        else:
            self._shell.explain(error, again)


def empty_text(*, filtered: bool) -> tuple[tuple[str, str], ...]:
    """What stands where no event does."""
    if filtered:
        return (
            ("No event of the whole log passes.", "text"),
            ("Esc shows all, / searches for something else.", "muted"),
        )
    return (("The log is empty.", "text"), ("Whatever is decided, shown or changed stands here from then on.", "muted"))
