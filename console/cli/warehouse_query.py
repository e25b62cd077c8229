"""`lakewarden warehouse ask`, `sql`, `diagram` and `publish`: what is read from the warehouse."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping

from console.actions.warehouse_queries import Asked, Checked
from console.cli.answers import print_answer_csv, print_answer_json, print_answer_table
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, print_table, say
from console.cli.practice_warehouse import make_practice_warehouse
from console.cli.progress import stoppable
from console.settings import Settings
from console.wiring.warehouse_queries import warehouse_queries
from warehouse.limits import QueryLimits
from warehouse.question_files import Parameter


def ask(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Answer a question by name; without one, list them. Raises a `WarehouseError`."""
    actions = warehouse_queries(settings)
    if arguments.question is None:
        return _list_questions(arguments, settings)
    how, values = _asked(arguments), _values(arguments.set)
    make_practice_warehouse(settings, environ)
    return _print(
        stoppable(lambda stop: actions.ask(arguments.question, how, as_of=arguments.as_of, values=values, stop=stop)),
        arguments,
    )


def sql(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Answer one governed SELECT. Raises a `WarehouseError`."""
    if arguments.database == "weather" and arguments.engine != "sqlite":
        raise UsageError(f"--engine {arguments.engine}: the weather readings are in SQLite alone")
    actions, how = warehouse_queries(settings), _asked(arguments)
    if arguments.database == "warehouse":
        make_practice_warehouse(settings, environ)
    ended = _print(
        stoppable(lambda stop: actions.sql(arguments.query, how, database=arguments.database, stop=stop)), arguments
    )
    if arguments.explain and arguments.engine == "sqlite" and not arguments.json:
        explained = actions.explain(arguments.query, database=arguments.database, aggregates=how.aggregates)
        for line in explained.lines():
            say(f"  {line}")
    return ended


def diagram(arguments: Namespace, settings: Settings, _environ: Mapping[str, str]) -> Exit:
    """Draw the star or the snowflake."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    print(warehouse_queries(settings).diagram(arguments.kind, ascii_only=encoding != "utf8").text)
    return Exit.DONE


def publish(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Write the warehouse as Parquet. Raises a `WarehouseError`."""
    make_practice_warehouse(settings, environ)
    actions = warehouse_queries(settings)
    done = stoppable(lambda stop: actions.publish(arguments.to, stop=stop))
    if arguments.json:
        print_json(
            {"url": done.url, "tables": done.rows, "files": done.files, "bytes": done.size,
             "elapsed_s": round(done.elapsed_s, 3)}
        )  # fmt: skip
    else:
        print_table(["table", "rows"], [[table, f"{rows:,}"] for table, rows in done.rows.items()])
        say(f"published {done.files} files, {done.size / 1e6:,.1f} MB, as {done.url} in {done.elapsed_s:.1f} s")
    return Exit.DONE


def _asked(arguments: Namespace) -> Asked:
    if arguments.json and arguments.csv:
        raise UsageError("--json and --csv: only one of them can be printed")
    if arguments.master is not None and arguments.engine != "spark":
        raise UsageError(f"--master names a Spark, and --engine is {arguments.engine}: add --engine spark")
    return Asked(
        engine=arguments.engine,
        master=arguments.master or "",
        aggregates=not arguments.no_aggregates,
        check=arguments.check,
        limits=QueryLimits(timeout_s=arguments.timeout, rows=arguments.limit),
    )


def _values(pairs: list[str] | None) -> dict[str, str]:
    values = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set: expected NAME=VALUE, found {pair[:40]!r}")
        values[name] = value
    return values


def _print(checked: Checked, arguments: Namespace) -> Exit:
    answer = checked.answer
    if arguments.json:
        print_answer_json(answer, explain=arguments.explain)
    elif arguments.csv:
        print_answer_csv(answer)
    else:
        print_answer_table(answer)
    if not arguments.json:
        source = f"source {', '.join(answer.source)}; " if answer.source else ""
        say("; ".join([f"{source}{_rows(len(answer.rows))} in {answer.elapsed_ms:.1f} ms", *answer.notes]))
        if arguments.explain:
            say(answer.because)
            say(" ".join(answer.sql.split()))
    if answer.truncated:
        shown = "row is" if len(answer.rows) == 1 else f"{len(answer.rows):,} rows are"
        say(f"only the first {shown} shown; allow more with --limit")
    if checked.same is False:
        say("repair: `lakewarden warehouse refresh` rebuilds the aggregates; `warehouse check` says what is wrong")
        return Exit.DATA
    return Exit.DONE


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _parameter(parameter: Parameter) -> str:
    """`reg (text, required)` or `least=5`."""
    if parameter.default is None:
        return f"{parameter.name} ({parameter.kind}, required)"
    return f"{parameter.name}={parameter.default!s}"


def _list_questions(arguments: Namespace, settings: Settings) -> Exit:
    found, bad = warehouse_queries(settings).questions()
    if arguments.json:
        print_json(
            {
                "questions": [
                    {
                        "name": question.name,
                        "title": question.title,
                        "parameters": [
                            {"name": p.name, "type": p.kind, "default": p.default, "about": p.about}
                            for p in question.parameters
                        ],
                    }
                    for question in found.values()
                ],
                "bad": [{"file": str(file.path), "problem": file.problem} for file in bad],
            }
        )
    else:
        rows = [[q.name, q.title, ", ".join(map(_parameter, q.parameters))] for q in found.values()]
        columns = 3 if any(row[2] for row in rows) else 2
        print_table(["question", "what it answers", "parameters"][:columns], [row[:columns] for row in rows])
        for file in bad:
            say(f"{file.path} is not a question: {file.problem}")
    return Exit.PARTLY if bad else Exit.DONE
