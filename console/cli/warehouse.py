"""`lakewarden warehouse build`, `load`, `refresh` and `check`: what fills the warehouse, and what proves it."""

from __future__ import annotations

import os
import sys
import threading
from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from console.actions.warehouse import WarehouseActions
from console.cli.exits import Exit, UsageError, exit_of
from console.cli.live_session import live_session
from console.cli.output import print_json, print_table, safe, say
from console.cli.progress import ProgressLine, progress_lines, stoppable
from console.cli.signals import EndedBySignal
from console.settings import Settings
from console.wiring.practice_warehouse import check_made_for_practice
from console.wiring.warehouse import warehouse_actions
from warehouse.errors import DataRefused, HoldsLoads, StoreNotEmpty
from warehouse.load import table_named
from warehouse.models import LoadReport

LOW_PRIORITY = 10  # steps of niceness


def build(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Replace the warehouse by practice data, in a practice workspace only.

    It is decided for whoever is signed in; where nobody is, and in the background, it is the service's. Raises
    UsageError at a terminal where somebody loaded data, PermissionDenied, AuditUnavailable, `WarehouseError`, and
    PracticeOnly where the accounts are of a production workspace, whatever the settings say.
    """
    check_made_for_practice(settings)
    if arguments.background:
        return _build_in_background(arguments, warehouse_actions(settings))
    actions = warehouse_actions(settings, permissions=live_session(arguments, settings, environ))
    with closing(ProgressLine("building", environ)) as progress:
        try:
            report = stoppable(
                lambda stop: actions.build(
                    rows=arguments.rows,
                    seed=arguments.seed,
                    until=arguments.until,
                    replace=arguments.replace or not sys.stdin.isatty(),
                    progress=progress,
                    stop=stop,
                )
            )
        except HoldsLoads as error:
            raise UsageError(f"{error}; `--replace` replaces it") from error
    spec = report.spec
    if arguments.json:
        print_json(
            {"rows": spec.rows, "seed": spec.seed, "until": spec.until.isoformat(), "tables": report.rows,
             "elapsed_s": round(report.elapsed_s, 3)}
        )  # fmt: skip
    else:
        print_table(["table", "rows"], [[table, f"{rows:,}"] for table, rows in report.rows.items()])
        say(f"built the practice warehouse of {spec.rows:,} sales until {spec.until} in {report.elapsed_s:.1f} s")
    return Exit.DONE


def _build_in_background(arguments: Namespace, actions: WarehouseActions) -> Exit:
    """Build into an empty warehouse, so that people and other processes notice as little as possible of it."""
    os.nice(LOW_PRIORITY)
    try:
        stoppable(
            lambda stop: actions.build(
                rows=arguments.rows,
                seed=arguments.seed,
                until=arguments.until,
                only_if_empty=True,
                progress=progress_lines(),
                stop=stop,
            )
        )
    except StoreNotEmpty:
        return Exit.DONE  # somebody was faster: nothing is left to do
    return Exit.DONE


def load(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Load each file as a batch of its own; a file that is refused does not keep the next from being loaded."""
    try:
        table = table_named(arguments.table)
    except DataRefused as error:
        raise UsageError(f"--table: {error}") from error
    actions = _actions(arguments, settings, environ)
    reports: list[tuple[str, LoadReport | DataRefused]] = []
    for file in arguments.files:
        try:
            reports.append((file, _load_one(actions, table, file, environ)))
        except DataRefused as error:
            say(str(error))
            reports.append((file, error))
        except EndedBySignal:
            if loaded := [before for before, report in reports if isinstance(report, LoadReport)]:
                say(f"loaded before it: {', '.join(loaded)}")
            raise
    if arguments.json:
        print_json({"table": table, "files": [_document(file, report) for file, report in reports]})
    else:
        _print_reports(reports)
    return _exit([report for _, report in reports])


def refresh(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Rebuild the aggregates from the facts. Raises a `WarehouseError`."""
    actions = _actions(arguments, settings, environ)
    rows = stoppable(lambda stop: actions.refresh(stop=stop))
    if arguments.json:
        print_json({"tables": rows})
    else:
        print_table(["table", "rows"], [[table, f"{count:,}"] for table, count in rows.items()])
    return Exit.DONE


def check(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Print every broken rule with the rows that break it; exit 65 if there is one. Raises a `WarehouseError`."""
    actions = _actions(arguments, settings, environ)
    report = stoppable(lambda stop: actions.check(stop=stop))
    if arguments.json:
        print_json(
            {
                "ok": report.ok,
                "rules": report.rules,
                "tables": report.rows,
                "problems": [
                    {"rule": finding.rule, "rows": finding.rows, "examples": list(finding.examples)}
                    for finding in report.findings
                ],
                "elapsed_s": round(report.elapsed_s, 3),
            }
        )
    elif report.ok:
        print(f"ok: {report.rules} rules hold on {report.rows['Sales_Transactions_Table']:,} sales")
    else:
        print_table(
            ["rule", "rows", "such as"],
            [[finding.rule, f"{finding.rows:,}", "; ".join(finding.examples[:5])] for finding in report.findings],
        )
        for number, repair in enumerate(report.repairs):
            say(f"{'then' if number else 'repair'}: {repair}")
    return Exit.DONE if report.ok else Exit.DATA


def _actions(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> WarehouseActions:
    """The actions of whoever runs this command."""
    from console.cli.session import gate_of

    return warehouse_actions(settings, permissions=gate_of(arguments, settings, environ))


def _load_one(actions: WarehouseActions, table: str, file: str, environ: Mapping[str, str]) -> LoadReport:
    """Load a file; where a signal ends that, say what became of it."""
    done: list[LoadReport] = []

    def work(stop: threading.Event) -> LoadReport:
        done.append(actions.load(table, Path(file), progress=progress, stop=stop))
        return done[0]

    with closing(ProgressLine(f"loading {safe(Path(file).name)[:30]}", environ)) as progress:
        try:
            return stoppable(work)
        except EndedBySignal:
            progress.close()
            say(f"{file}: {'loaded before the signal came' if done else 'stopped; nothing of it was loaded'}")
            raise


def _document(file: str, report: LoadReport | DataRefused) -> dict[str, Any]:
    if isinstance(report, DataRefused):
        return {"file": file, "error": {"kind": report.kind, "message": str(report)}}
    return {
        "file": file, "read": report.read, "new": report.new, "changed": report.changed, "same": report.same,
        "superseded": report.superseded, "rejected": report.rejected,
        "rejects_file": report.rejects_file and str(report.rejects_file),
        "rejects_as_before": report.rejects_as_before,
        "elapsed_s": round(report.elapsed_s, 3), "error": None,
    }  # fmt: skip


def _print_reports(reports: list[tuple[str, LoadReport | DataRefused]]) -> None:
    loaded = [(file, report) for file, report in reports if isinstance(report, LoadReport)]
    if loaded:
        counts = ["read", "new", "changed", "same", "superseded", "rejected"]
        if not any(report.superseded for _, report in loaded):
            counts.remove("superseded")
        print_table(
            ["file", *counts, "seconds"],
            [
                [file, *(f"{getattr(report, count):,}" for count in counts), f"{report.elapsed_s:.2f}"]
                for file, report in loaded
            ],
        )
    for file, report in loaded:
        if report.superseded:
            were = "line was" if report.superseded == 1 else "lines were"
            say(f"{file}: {report.superseded:,} {were} superseded by a later line of the same key; the last one counts")
        if report.rejects_file is not None:
            were = "row was" if report.rejected == 1 else "rows were"
            before = ", as an earlier load wrote them" if report.rejects_as_before else ""
            say(f"{file}: {report.rejected:,} {were} rejected; lines and reasons are in {report.rejects_file}{before}")


def _exit(reports: list[LoadReport | DataRefused]) -> Exit:
    refused = [report for report in reports if isinstance(report, DataRefused)]
    loaded = [report for report in reports if isinstance(report, LoadReport)]
    taken = any(report.new or report.changed or report.same for report in loaded)  # what superseded a line is of these
    if refused or any(report.rejected for report in loaded):
        return Exit.PARTLY if taken else exit_of(refused[0]) if refused else Exit.DATA
    return Exit.DONE
