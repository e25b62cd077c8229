"""The signs of runs and tasks in words, for the help of the screens that draw them."""

from __future__ import annotations

from console.tui.screens.help import Sign
from console.tui.theme import RUN_TONE, TASK_TONE, Glyphs
from etl.models import RunState, TaskState

MEANINGS = {
    TaskState.QUEUED: "queued: waits for a worker or for the API's quota",
    TaskState.RUNNING: "running",
    TaskState.SUCCESS: "success: the file or object is whole and in place",
    TaskState.FAILED: "failed, and no retry is left",
    TaskState.UP_FOR_RETRY: "up for retry: goes again at the time shown (h now, x never)",
    TaskState.SKIPPED: "skipped: not needed, or cancelled",
    TaskState.UPSTREAM_FAILED: "not started, because a task before it failed",
}


def run_signs(drawn: Glyphs) -> list[Sign]:
    """What stands in the grid of runs and in the attempts of a task."""
    return [
        *((drawn.task[state], TASK_TONE[state], meaning) for state, meaning in MEANINGS.items()),
        (
            drawn.run[RunState.PARTIAL],
            RUN_TONE[RunState.PARTIAL],
            "partial: some cities are loaded, some failed",
        ),
        (drawn.missed, "wait", "missed hour: no run, and the API has no past to make it up from"),
    ]
