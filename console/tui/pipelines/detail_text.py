"""The texts of the run details: what the run and its city are, what went wrong, where the files lie."""

from __future__ import annotations

from datetime import UTC

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from console.tui.pipelines.run_details import RunDetails, StagedFile
from console.tui.text import duration_words, local_clock, plain
from console.tui.theme import CITY_TONE, RUN_TONE, Glyphs, Tones
from etl.history.queries import Problem
from etl.models import CityState, TaskState

LABEL = len("transformed  ")


def summary_text(details: RunDetails, styles: Tones, signs: Glyphs) -> Text:
    """Two lines: the run, and the city."""
    run, city = details.run, details.city
    hour = run.logical_time.astimezone(UTC)
    at_work = [other for other in run.cities if other.state is CityState.RUNNING]
    idle = bool(at_work) and all(other.retry_at is not None for other in at_work)
    took = f"{duration_words(run.duration_s)}" if run.ended else "waits for a retry" if idle else "at work"
    text = Text()
    text.append(f"{signs.run[run.state]} {run.state.value}", styles[RUN_TONE[run.state]])
    text.append(f"  {hour:%Y-%m-%d %H:%M:%S} UTC", styles["strong"])
    text.append(f" ({local_clock(hour)} here)  {run.trigger.value}  {took}\n", styles["muted"])
    if details.waits and city.retry_at is not None:
        at = local_clock(city.retry_at, seconds=True)
        text.append(f"{signs.task[TaskState.UP_FOR_RETRY]} waits for its retry at {at}", styles["wait"])
    else:
        text.append(f"{signs.city[city.state]} {city.state.value}", styles[CITY_TONE[city.state]])
    text.append(f"  {plain(city.city)}", styles["strong"])
    if len(run.cities) > 1:
        number = [other.slug for other in run.cities].index(city.slug) + 1
        text.append(f"  city {number} of {len(run.cities)}, [ and ] change, o chooses", styles["muted"])
    return text


def error_text(details: RunDetails) -> Text:
    """What went wrong in the selected attempt, else in the city, in full; empty where nothing did."""
    attempt = details.attempt
    problem = attempt.problem if attempt is not None and attempt.problem else details.city.problem
    return Text("") if problem is None else Text(_told(problem))


def _told(problem: Problem) -> str:
    message = "\n".join(plain(line) for line in problem.message.splitlines()) or "(no message)"
    return f"{plain(problem.kind)}: {message}"


def files_text(details: RunDetails, styles: Tones, *, width: int) -> Text:
    """The two files and the object, one a line of at most `width` cells: of a long path the end tells most."""
    text = Text()
    for name, file in (("raw        ", details.raw), ("transformed", details.transformed)):
        text.append(f"{name}  ", styles["muted"])
        text.append(_tail(plain(str(file.path)), width - LABEL) if file.exists else "not there", _tone(file, styles))
        text.append("\n")
    text.append("object       ", styles["muted"])
    key = details.city.object_key
    text.append(_tail(plain(key), width - LABEL) if key else "not loaded", styles["text" if key else "faint"])
    return text


def _tone(file: StagedFile, styles: Tones) -> Style:
    return styles["text" if file.exists else "faint"]


def _tail(text: str, width: int) -> str:
    """The end of `text` in at most `width` cells."""
    while cell_len(text) > width:
        text = "…" + text[max(cell_len(text) - width, 1) + text.startswith("…") :]
    return text
