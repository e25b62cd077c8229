"""What a verification of the audit log found, in sentences, and what the copies of its checkpoints outside cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.tui.audit.event_words import events_words, grouped
from console.tui.audit.lines_dialog import named_lines, sentence
from console.tui.text import plain
from console.tui.widgets.line_panel import Line
from security.audit.courier import KeeperStatus
from security.audit.report import Fault, Problem, Report

FAULTS = {
    Fault.EVENT: "edited",
    Fault.CHAIN: "chain broken",
    Fault.GAP: "missing",
    Fault.TREE: "tree changed",
    Fault.SEAL: "seal wrong",
    Fault.CHECKPOINT: "checkpoint wrong",
    Fault.HISTORY: "rewritten",
    Fault.TRUNCATED: "cut off",
    Fault.INDEX: "search index wrong",
    Fault.DAMAGED: "damaged",
}
Said = tuple[str, str]  # a sentence, its tone


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found. `unrecorded` says why the log could not record it; empty if it could."""

    report: Report
    keepers: tuple[KeeperStatus, ...]
    unrecorded: str


def verified_lines(verified: Verified, width: int) -> list[Line]:
    """The verdict, each problem with its place, what is covered, and the root; for so many cells."""
    report = verified.report
    found = sentence(*result_words(report), width)
    if verified.unrecorded:
        found += sentence(f"The log cannot be written any more: {plain(verified.unrecorded)}", "bad", width)
    if report.problems:
        found += [(), *named_lines(map(_problem, report.problems), width)]
        left = report.found - len(report.problems)
        found += sentence(f"and {left:,} more of them", "muted", width) if left > 0 else []
    found.append(())
    for text, tone in cover_words(report, verified.keepers):
        found += sentence(text, tone, width)
    return [*found, (), *sentence(f"Root of {events_words(report.events)}: {grouped(report.root)}", "muted", width)]


def result_words(report: Report) -> Said:
    """The verdict."""
    if report.ok:
        return (
            f"Intact: all {report.events:,} events follow one another and lead to the signed roots, and the "
            "search index is of these events.",
            "good",
        )
    found = f"NOT intact: {problems_words(report.found)} in {events_words(report.events)}."
    return f"{found} Keep this file as it is, and restore the log from a backup.", "bad-strong"


def problems_words(count: int) -> str:
    """`1 problem`, `12 problems`."""
    return "1 problem" if count == 1 else f"{count:,} problems"


def _problem(found: Problem) -> tuple[str, str, str]:
    """Where it is, and what."""
    where = "whole log" if found.seq is None else f"event {found.seq}"
    return where, f"{FAULTS[found.fault]}: {plain(found.text)}", "bad"


def cover_words(report: Report, keepers: Sequence[KeeperStatus]) -> list[Said]:
    """How far signed checkpoints reach, in here and outside."""
    size = report.checkpoint.size if report.checkpoint else 0
    found = [(f"Signed checkpoints cover the first {size:,} of {events_words(report.events)}.", "text")]
    if not keepers:
        told = (
            "No copy is kept outside, so events cut off at the end would not be missed: set audit.checkpoint_file "
            "to a place on another disk or host."
        )
        return [*found, (told, "wait")]
    for keeper in keepers:
        kept, name = kept_size(keeper), plain(keeper.name)
        if not kept:
            found.append((f"The copy outside covers nothing yet: {name}", "wait"))
            continue
        told = (
            f"The copy outside covers the first {kept:,}: a change or a cut there shows, even if whoever made it holds "
            f"the log's key, as long as the copy is out of reach. It is {name}"
        )
        found.append((told, "text"))
    return found


def keepers_words(keepers: Sequence[KeeperStatus], size: int) -> str:
    """What the copies outside hold of a log of `size` events, in short."""
    if not keepers:
        return "no copy outside the workspace"
    failed = [keeper for keeper in keepers if keeper.error]
    if failed:
        return f"the copy outside FAILS: {plain(failed[0].error or '')}"
    kept = min(kept_size(keeper) for keeper in keepers)
    waiting = ", one on its way" if any(keeper.waiting for keeper in keepers) else ""
    return f"outside: {kept:,} of {size:,} covered{waiting}"


def kept_size(keeper: KeeperStatus) -> int:
    """How many events the newest note of a keeper covers; 0 where it took none from this process."""
    lines = (keeper.kept or "").split("\n")
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0
