"""`lakewarden warehouse ask`, `sql`, `diagram` and `publish`: what is read from the warehouse."""

from __future__ import annotations

import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Mapping

from console.actions.warehouse import MANAGE_WAREHOUSE, QUERY_WAREHOUSE, WAREHOUSE
from console.actions.warehouse_queries import Asked, Checked, WarehouseQueries
from console.cli.answers import print_answer_csv, print_answer_json, print_answer_table
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, print_table, say, say_as_is
from console.cli.practice_warehouse import make_practice_warehouse
from console.cli.progress import stoppable
from console.cli.session import gate_of, security_of, with_fresh_code
from console.settings import Settings
from console.wiring.warehouse_queries import warehouse_queries
from warehouse.limits import QueryLimits
from warehouse.question_files import Parameter
from warehouse.sql_text import MAX_CHARACTERS
from warehouse.words import rows_words


def ask(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Answer a question by name; without one, list them. Raises a `WarehouseError`."""
    actions = _actions(arguments, settings, environ)
    if arguments.question is None:
        return _list_questions(arguments, actions)
    how, values = _asked(arguments), _values(arguments.set)
    _make_practice_warehouse(arguments, settings, environ, QUERY_WAREHOUSE)

    def once(stop: threading.Event) -> Checked:
        return actions.ask(
            arguments.question, how, as_of=arguments.as_of, values=values, unmask=arguments.unmask, stop=stop
        )

    return _print(_answered(arguments, settings, environ, once), arguments)


def sql(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Answer one governed SELECT; `-` is the one on standard input. Raises a `WarehouseError`."""
    if arguments.database == "weather" and arguments.engine != "sqlite":
        raise UsageError(f"--engine {arguments.engine}: the weather readings are in SQLite alone")
    actions, how = _actions(arguments, settings, environ), _asked(arguments)
    query = _read_statement(arguments) if arguments.query == "-" else arguments.query
    if arguments.database == "warehouse":
        _make_practice_warehouse(arguments, settings, environ, QUERY_WAREHOUSE)

    def once(stop: threading.Event) -> Checked:
        return actions.sql(query, how, database=arguments.database, unmask=arguments.unmask, stop=stop)

    ended = _print(_answered(arguments, settings, environ, once), arguments)
    if arguments.explain and arguments.engine == "sqlite" and not arguments.json:
        explained = actions.explain(query, database=arguments.database, aggregates=how.aggregates)
        for line in explained.lines():
            say(f"  {line}")
    return ended


def _read_statement(arguments: Namespace) -> str:
    """The statement on standard input. Raises UsageError where that cannot be one, or is to give a code."""
    if arguments.stdin:
        raise UsageError("-: standard input gives the code that --stdin asks for; write the statement as an argument")
    most = 4 * MAX_CHARACTERS  # bytes: a character has at most four
    text = sys.stdin.buffer.read(most + 1)
    if len(text) > most:
        raise UsageError(f"-: expected a statement of at most {MAX_CHARACTERS:,} characters, found more")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"-: expected a statement in UTF-8, found a byte that is none at {error.start:,}") from error


def diagram(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Draw the star or the snowflake."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    drawing = _actions(arguments, settings, environ).diagram(arguments.kind, ascii_only=encoding != "utf8")
    print(drawing.text)
    return Exit.DONE


def publish(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Write the warehouse as Parquet. Raises a `WarehouseError`."""
    _make_practice_warehouse(arguments, settings, environ, MANAGE_WAREHOUSE)
    actions = _actions(arguments, settings, environ)
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


def _actions(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> WarehouseQueries:
    return warehouse_queries(settings, permissions=gate_of(arguments, settings, environ))


def _make_practice_warehouse(arguments: Namespace, settings: Settings, environ: Mapping[str, str], action: str) -> None:
    """Make the small warehouse for whoever may do `action` on it; the action itself refuses the others."""
    if gate_of(arguments, settings, environ).would_allow(action, WAREHOUSE).allowed:
        make_practice_warehouse(settings, environ)


def _answered(
    arguments: Namespace,
    settings: Settings,
    environ: Mapping[str, str],
    once: Callable[[threading.Event], Checked],
) -> Checked:
    """What `once` gives, after a fresh code has been asked for if clear columns need one."""
    if not arguments.unmask:
        return stoppable(once)
    return with_fresh_code(arguments, security_of(arguments, settings, environ), lambda: stoppable(once))


def _asked(arguments: Namespace) -> Asked:
    if arguments.unmask and (arguments.engine != "sqlite" or getattr(arguments, "database", "") == "weather"):
        raise UsageError("--unmask: only --engine sqlite opens customers' cells, and only the warehouse has any")
    if arguments.stdin and not arguments.unmask:
        raise UsageError("--stdin gives the code that --unmask may ask for: add --unmask")
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
    values: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set: expected NAME=VALUE, found {pair[:40]!r}")
        if name in values:
            raise UsageError(f"--set: expected each parameter once, found {name[:40]} twice")
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
        say("; ".join([f"{source}{rows_words(len(answer.rows))} in {answer.elapsed_ms:.1f} ms", *answer.notes]))
        if arguments.explain:
            say(answer.because)
            say_as_is(answer.sql.strip().splitlines())
    if answer.truncated:
        shown = "row is" if len(answer.rows) == 1 else f"{len(answer.rows):,} rows are"
        say(f"only the first {shown} shown; allow more with --limit")
    if checked.same is False and arguments.engine != "sqlite":
        older = ", or what is published is older: `warehouse publish`" if arguments.engine == "spark" else ""
        say(f"{arguments.engine} takes the text otherwise than SQLite, which answers without --engine{older}")
        return Exit.DATA
    if checked.same is False:
        say("repair: `lakewarden warehouse refresh` rebuilds the aggregates; `warehouse check` says what is wrong")
        return Exit.DATA
    return Exit.DONE


def _parameter(parameter: Parameter) -> str:
    """`reg (text, required)` or `least=5`."""
    if parameter.default is None:
        return f"{parameter.name} ({parameter.expected}, required)"
    among = f" ({parameter.expected})" if parameter.choices else ""
    return f"{parameter.name}={parameter.default!s}{among}"


def _list_questions(arguments: Namespace, actions: WarehouseQueries) -> Exit:
    found, bad = actions.questions()
    if arguments.json:
        print_json(
            {
                "questions": [
                    {
                        "name": question.name,
                        "title": question.title,
                        "parameters": [
                            {"name": p.name, "type": p.kind, "default": p.default, "about": p.about}
                            | ({"choices": p.choices} if p.choices else {})
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
