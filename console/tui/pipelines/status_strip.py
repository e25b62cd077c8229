"""The pipeline at a glance, in three lines: where data comes from and goes to, when, and what went wrong last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from console.tui.text import fitted, local_clock, plain
from console.tui.theme import Glyphs, glyphs, tones
from etl.models import Task, TaskState

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.pipelines import Overview

Part = tuple[str, str]
PROBLEM_LINE = 2
VERBS = {Task.CHECK: "check", Task.EXTRACT: "extract", Task.TRANSFORM: "transform", Task.LOAD: "load"}


class StatusStrip(Widget):
    """Clicking the problem opens it."""

    DEFAULT_CSS = "StatusStrip { height: 3; width: 100%; }"

    def __init__(self) -> None:
        super().__init__(id="strip")
        self._overview: Overview | None = None
        self._lines: list[list[Part]] = [[("Opening the workspace", "muted")], [], []]
        self._now = datetime.now(UTC)
        self._any_run = False

    def show(self, overview: Overview, now: datetime, *, any_run: bool) -> None:
        """Show `overview`; only lines that read differently are repainted."""
        self._overview, self._now, self._any_run = overview, now, any_run
        self._rewrite()

    def on_resize(self) -> None:
        self._rewrite()

    def on_click(self, event: events.Click) -> None:
        if event.y == PROBLEM_LINE and self._overview is not None and self._overview.last_problem is not None:
            self.screen.call_later(self.screen.run_action, "problem")

    def _rewrite(self) -> None:
        if self._overview is None:
            return
        signs = glyphs(unicode=getattr(self.app, "unicode", True))
        lines = [
            source_line(self._overview, self.size.width - 2, signs),
            schedule_line(self._overview, self._now, self.size.width - 2),
            problem_line(self._overview, self.size.width - 2, signs, any_run=self._any_run),
        ]
        for y, (old, new) in enumerate(zip(self._lines, lines, strict=True)):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))
        self._lines = lines

    def render_line(self, y: int) -> Strip:
        width, styles = self.size.width, tones(self.app.theme)
        signs = glyphs(unicode=getattr(self.app, "unicode", True))
        segments, left = [Segment(" ", styles["text"])], width - 2
        for text, tone in self._lines[y] if y < len(self._lines) else []:
            shown = fitted(text, min(cell_len(text), left), "left", signs.ellipsis)
            segments.append(Segment(shown, styles[tone]))
            left -= cell_len(shown)
        return Strip(segments).adjust_cell_length(width, styles["text"])


def source_line(overview: Overview, width: int, signs: Glyphs) -> list[Part]:
    """Where the weather comes from, and where it goes to: the end of the lake's address is what tells it."""
    parts: list[Part] = [("Source ", "muted")]
    if overview.practice:
        parts += [("PRACTICE", "badge"), (f" {plain(overview.source_detail)}", "text")]
    else:
        parts.append((f"{overview.source_name} {plain(overview.source_detail)}", "text"))
    parts += [("   Lake ", "muted")]
    room = width - sum(cell_len(text) for text, _tone in parts)
    lake = plain(overview.lake_url)
    parts.append((lake if cell_len(lake) <= room else signs.ellipsis + lake[-max(room - 1, 1) :], "text"))
    return parts


def schedule_line(overview: Overview, now: datetime, width: int) -> list[Part]:
    """Whether and when the next run starts, and how much of the API's quota is used."""
    parts: list[Part] = [("Hourly ", "muted")]
    if not overview.schedule_enabled:
        parts.append(("off in config.toml", "wait"))
    elif overview.paused_since is not None:
        parts.append((f"paused since {_when(overview.paused_since, now)}; s resumes", "wait"))
    else:
        parts.append(("running here", "good"))
    if overview.next_run_at is not None:
        hour = overview.next_run_at.astimezone(UTC).strftime("%H:%M")
        local = local_clock(overview.next_run_at)
        parts += [("   Next run ", "muted"), (f"{local} ({hour} UTC)" if local != hour else f"{hour} UTC", "text")]
    if overview.running and _quota_used_up(overview):
        end = now + timedelta(seconds=overview.api_paused_s)
        until = f" till {local_clock(end)}" if overview.api_paused_s > 0 else ""
        room = width - sum(cell_len(text) for text, _tone in parts)
        told = "   waits for the API's quota"
        return [*parts, (told + until if len(told + until) <= room else told, "wait")]
    parts.append(("   API ", "muted"))
    if overview.api_paused_s > 0:
        parts.append((f"paused until {local_clock(now + timedelta(seconds=overview.api_paused_s))} (429)", "bad"))
    elif overview.calls_limit:
        full = overview.calls_in_last_minute >= overview.calls_limit
        text = f"{overview.calls_in_last_minute}/{overview.calls_limit} calls last minute"
        parts.append((text, "wait" if full else "text"))
    else:
        parts.append((f"{overview.calls_in_last_minute} calls last minute", "text"))
    return parts


def _quota_used_up(overview: Overview) -> bool:
    return overview.api_paused_s > 0 or 0 < overview.calls_limit <= overview.calls_in_last_minute


def problem_line(overview: Overview, width: int, signs: Glyphs, *, any_run: bool) -> list[Part]:
    """The last problem in words, shortened to `width` cells, or that there is none."""
    problem = overview.last_problem
    if problem is None:
        if overview.running:
            return [(f"{signs.task[TaskState.RUNNING]} A run is at work.", "busy")]
        if not any_run:
            return [(f"{signs.dot} No run yet.", "muted")]
        return [(f"{signs.task[TaskState.SUCCESS]} No problem in the newest run.", "muted")]
    task = VERBS.get(Task(problem.problem.task), "") if problem.problem.task in set(Task) else ""
    parts = [
        (f"{signs.task[TaskState.FAILED]} {plain(problem.city)}", "bad-strong"),
        (f" {task}: " if task else ": ", "bad"),
    ]
    hint = "  p opens"
    room = width - sum(cell_len(text) for text, _tone in parts) - len(hint)
    return [
        *parts,
        (fitted(plain(problem.problem.message), max(room, 12), "left", signs.ellipsis), "text"),
        (hint, "muted"),
    ]


def _when(instant: datetime, now: datetime) -> str:
    local = instant.astimezone()
    same_day = local.date() == now.astimezone().date()
    return local.strftime("%H:%M" if same_day else "%d %b %H:%M")
