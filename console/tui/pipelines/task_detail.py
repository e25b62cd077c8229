"""One city of a run in full: the attempts of its tasks, what went wrong, its files, and the log of an attempt, live."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from console.actions.permissions import TRIGGER_RUN, WEATHER_PIPELINE
from console.tui.clipboard import TooLongToCopy, copy
from console.tui.feed import Workspace
from console.tui.live import Live
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.pipelines.attempt_table import AttemptTable
from console.tui.pipelines.city_picker import CityPicker
from console.tui.pipelines.detail_header import DetailHeader
from console.tui.pipelines.detail_text import error_text, files_text, summary_text
from console.tui.pipelines.permitted import denied_keys
from console.tui.pipelines.run_details import LogPart, RunDetails, Wanted, attempt_id, read_details
from console.tui.pipelines.signs import run_signs
from console.tui.screens.help import Sign
from console.tui.shell import Shell
from console.tui.text import plain
from console.tui.theme import Glyphs, glyphs, tones
from console.tui.toasts import FAILURE_S, ended_words
from console.tui.widgets.bars import KeyHints
from console.tui.widgets.line_table import LineTable
from console.tui.widgets.log_view import LogView
from console.tui.widgets.section_title import SectionTitle
from etl.models import CityState, RunState
from etl.run import RunOutcome, RunRequest

MOST_ATTEMPTS = 8  # lines of the table before it scrolls
FEW_ATTEMPTS = 3  # likewise on a low terminal, so that the error stays in view
LOW = 22
WIDE = 120  # cells from which on the log stands beside the facts
FACTS_WIDTH = 68  # as in task_detail.tcss


class TaskDetail(Screen[None]):
    """Shows a run's city; with `slug` None the one that tells most. What changes in the history appears by itself."""

    CSS_PATH = "task_detail.tcss"
    AUTO_FOCUS = "#attempts"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 – declared so by Textual
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, id="detail.back", tooltip="End a search, or back"),
        Binding("slash", "search", "Search log", id="detail.search", tooltip="Search the log; n and N go on"),
        Binding("y", "copy", "Copy", id="detail.copy", tooltip="Copy the object key, else a file path or the run id"),
        Binding("r", "retry", "Retry", id="detail.retry", tooltip="Run again what failed in this run"),
        Binding("h", "hurry", "Hurry", id="detail.hurry", tooltip="Let this city's waiting retry go now"),
        Binding("x", "cancel_retry", "Drop retry", id="detail.cancel", tooltip="Let this city's retry never go"),
        Binding("o", "pick_city", "Cities", id="detail.cities", tooltip="Choose another city of this run"),
        Binding("[", "city(-1)", "City before", show=False, id="detail.before",
                tooltip="The run's city before this one"),
        Binding("]", "city(1)", "Next city", show=False, id="detail.next",
                tooltip="The run's next city"),
        Binding("tab", "app.focus_next", "Next panel", show=False, id="detail.panel", tooltip="Attempts or log"),
    ]  # fmt: skip

    def __init__(self, shell: Shell, opened: Workspace, run_id: str, slug: str | None) -> None:
        super().__init__()
        self._shell = shell
        self._opened = opened
        self._pipelines = opened.pipelines
        self._run_id = run_id
        self._wanted = Wanted(slug)
        self._details: RunDetails | None = None
        self._live: Live[tuple[Wanted, RunDetails]] | None = None
        self._denied: frozenset[str] = frozenset()  # what keys do that whoever is signed in may not

    def compose(self) -> ComposeResult:
        yield DetailHeader(f"Run {plain(self._run_id)}")
        yield Static("", id="summary", markup=False)
        with Vertical(id="body"):
            with Vertical(id="facts"):
                yield SectionTitle("Attempts", id="attempts-title")
                yield AttemptTable(id="attempts")
                yield Static("", id="error", markup=False)
                yield SectionTitle("Files", id="files-title")
                yield Static("", id="files", markup=False)
            with Vertical(id="log-panel"):
                yield SectionTitle("Log", id="log-title")
                field = Input(placeholder="text to look for in the log", max_length=200, id="search")
                field.cursor_blink = False
                yield field
                yield LogView(id="log")
        yield KeyHints()

    def on_mount(self) -> None:
        self.query_one("#search").display = False
        self.query_one("#error").display = False
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._show_facts())
        self._live = Live(self, self._pipelines.version, self._read, self._take, self._cannot_show)
        if self._shell.who is not None:
            off_loop(self, lambda: denied_keys(self._shell.open_office()), self._permit, lambda _error: None)

    def _permit(self, denied: frozenset[str]) -> None:
        self._denied = denied
        self._hint()

    def on_resize(self) -> None:
        self._show_facts()

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- reading --------------------------------------------------------------------------------------------------

    def _read(self) -> tuple[Wanted, RunDetails]:
        """Called off the loop."""
        wanted = self._wanted
        return wanted, read_details(self._pipelines, self._run_id, wanted)

    def _take(self, answer: tuple[Wanted, RunDetails]) -> None:
        wanted, details = answer
        if wanted != self._wanted:  # something else was chosen meanwhile
            self._ask_again()
            return
        self._details = details
        self._wanted = dataclasses.replace(wanted, slug=details.city.slug)
        self._show_facts()
        if details.log is not None:
            self._show_log(details.log)

    def _show_log(self, part: LogPart) -> None:
        view = self.query_one(LogView)
        if part.attempt == self._wanted.known_of and part.after:
            view.append(part.lines)
        elif part.lines or part.attempt != self._wanted.known_of:
            view.show(part.lines, empty_text="This attempt logged nothing." if part.complete else "No line yet.")
        self._wanted = dataclasses.replace(
            self._wanted,
            known_of=part.attempt,
            known_lines=part.lines[-1].line if part.lines else part.after,
            known_complete=part.complete,
        )

    def _ask_again(self) -> None:
        if self._live is not None:
            self._live.again()

    # ---- showing --------------------------------------------------------------------------------------------------

    def _show_facts(self) -> None:
        details = self._details
        if details is None:
            return
        styles, signs = tones(self.app.theme), glyphs(unicode=getattr(self.app, "unicode", True))
        self.query_one(DetailHeader).say(practice=details.practice)
        self.query_one("#summary", Static).update(summary_text(details, styles, signs))
        table = self.query_one(AttemptTable)
        most = MOST_ATTEMPTS if self.size.height >= LOW else FEW_ATTEMPTS
        table.styles.height = min(len(details.attempts), most) + 1
        table.show(details.attempts, attempt_id(details.attempt) if details.attempt else None)
        error = error_text(details)
        self._update("#error", error)
        self.query_one("#error").display = bool(error.plain)
        width = FACTS_WIDTH if self.size.width >= WIDE else self.size.width
        self._update("#files", files_text(details, styles, width=width - 4))
        self._title_log()
        self._hint()

    def _update(self, selector: str, text: Text) -> None:
        self.query_one(selector, Static).update(text)

    def _title_log(self) -> None:
        attempt = self._details.attempt if self._details else None
        if attempt is None:
            return
        number = f"try {attempt.attempt}" if attempt.attempt else attempt.state.value
        parts = [f"{attempt.task.value.partition('_')[0]} {number}", self.query_one(LogView).note]
        self.query_one("#log-title", SectionTitle).say(", ".join(part for part in parts if part))

    def on_log_view_changed(self) -> None:
        self._title_log()

    def on_descendant_focus(self) -> None:
        """Of what has the focus now: it may have moved on since this was told."""
        focused = self.focused.id if self.focused is not None else None
        self.query_one("#attempts-title", SectionTitle).activate(focused == "attempts")
        self.query_one("#log-title", SectionTitle).activate(focused in ("log", "search"))
        self._hint()

    def _hint(self) -> None:
        """Hint at the keys of the panel with the focus, and at those of the screen that can do something now."""
        if self.focused is None:
            return
        idle = self._idle_keys()
        own = [b for b in self.BINDINGS if isinstance(b, Binding) and b.show and b.action not in idle]
        panel = [b for b in type(self.focused).BINDINGS if isinstance(b, Binding) and b.show]
        self.query_one(KeyHints).show(own if self.focused.id == "search" else [*own[:1], *panel, *own[1:]])

    def is_denied(self, action: str) -> bool:
        """For the help, which names these keys too: each tells who may."""
        return action in self._denied

    def help_signs(self, drawn: Glyphs) -> Sequence[Sign]:
        """Those of runs and tasks."""
        return run_signs(drawn)

    def _idle_keys(self) -> set[str]:
        """The actions that are denied, or without a waiting retry, a failure or other cities have nothing to act on."""
        details = self._details
        if details is None:
            return set(self._denied)
        retriable = any(city.state in (CityState.FAILED, CityState.SKIPPED) for city in details.run.cities)
        can = {
            "retry": details.run.state is not RunState.RUNNING and retriable,
            "hurry": details.waits,
            "cancel_retry": details.waits,
            "pick_city": len(details.run.cities) > 1,
        }
        return {action for action, possible in can.items() if not possible} | self._denied

    # ---- choosing -------------------------------------------------------------------------------------------------

    def on_line_table_selected(self, event: LineTable.Selected) -> None:
        attempt = event.table.attempt if isinstance(event.table, AttemptTable) else None
        if attempt is not None and attempt_id(attempt) != self._wanted.attempt:
            self._wanted = dataclasses.replace(self._wanted, attempt=attempt_id(attempt))
            self._ask_again()

    def on_line_table_opened(self) -> None:
        self.set_focus(self.query_one(LogView))

    def action_city(self, by: int) -> None:
        """The run's next city, or the one before."""
        if self._details is not None:
            slugs = [city.slug for city in self._details.run.cities]
            self._choose_city(slugs[(slugs.index(self._details.city.slug) + by) % len(slugs)])

    def action_pick_city(self) -> None:
        """Choose among the run's cities."""
        if self._details is not None:
            self.app.push_screen(CityPicker(self._details.run.cities, self._details.city.slug), self._choose_city)

    def _choose_city(self, slug: str | None) -> None:
        if slug is not None and self._details is not None and slug != self._details.city.slug:
            self._wanted = Wanted(slug)
            self._ask_again()

    # ---- the log --------------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        self.set_focus(field)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one("#search").display = False
        view = self.query_one(LogView)
        self.set_focus(view)
        if not view.search(event.value) and event.value:
            self._tell(f"No line of this log holds {plain(event.value)}.", "warning")

    def on_log_view_copy_line(self, event: LogView.CopyLine) -> None:
        self._copy("the line", event.text)

    # ---- doing ----------------------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        if self._details is not None:
            self._copy(*self._details.to_copy)

    def _copy(self, what: str, text: str) -> None:
        try:
            copy(self.app, text)
        except TooLongToCopy as error:
            self._tell(str(error), "warning")
            return
        self.notify(f"Sent to the terminal's clipboard: {what} {plain(text)}", timeout=FAILURE_S, markup=False)

    def action_retry(self) -> None:
        """Run again what failed; the run goes on in the background, whatever screen is shown."""

        def permitted() -> RunRequest:
            self._opened.permissions.require(TRIGGER_RUN, WEATHER_PIPELINE)  # a refusal is told in place of a start
            return self._opened.background.retry_failed(self._run_id, self._on_end)

        self._off_loop(permitted, lambda request: self._tell(f"Retry started: {len(request.cities)} to load."))

    def _on_end(self, outcome: RunOutcome | Exception) -> None:
        """Called in the run's thread."""
        post(self, Delivered(self._ended, outcome))

    def _ended(self, outcome: RunOutcome | Exception) -> None:
        if isinstance(outcome, Exception):
            self._shell.explain(outcome)
        else:
            self._tell(*ended_words(outcome, what="Retry"))

    def action_hurry(self) -> None:
        self._ask_retry(self._pipelines.hurry_retry, "The retry goes now.")

    def action_cancel_retry(self) -> None:
        self._ask_retry(self._pipelines.cancel_retry, "The retry is dropped.")

    def _ask_retry(self, ask: Callable[[str, str], None], done: str) -> None:
        if self._details is not None:
            run_id, slug = self._details.run.run_id, self._details.city.slug
            self._off_loop(lambda: ask(run_id, slug), lambda _none: self._tell(done))

    def action_back(self) -> None:
        """End the search field or the search, else go back."""
        field = self.query_one("#search", Input)
        if field.display:
            field.display = False
            self.set_focus(self.query_one(LogView))
        elif field.value:
            field.value = ""
            self.query_one(LogView).search("")
        else:
            self.app.clear_notifications()
            self.dismiss()

    def _off_loop(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        def again() -> None:
            self._off_loop(work, then)

        off_loop(self, work, then, lambda error: self._shell.explain(error, again))

    def _tell(self, text: str, severity: str = "information") -> None:
        self.notify(text, severity=severity, markup=False)  # type: ignore[arg-type]

    def _cannot_show(self, error: Exception) -> None:
        self._update("#summary", Text(f"The run cannot be shown: {_words(error)}"))


def _words(error: Exception) -> str:
    return "\n".join(plain(line) for line in (str(error) or type(error).__name__).splitlines())
