"""The command line's grammar: every command, option and help text, and the function that carries each out."""

from __future__ import annotations

import argparse
from datetime import date
from typing import NoReturn

from console.cli import grammar_decisions, grammar_identity, grammar_records
from console.cli.grammar import Parser, command, json_option, number, stdin_option, utf8
from warehouse.file_columns import described


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version  # slow to import, and only this needs it

        print(f"lakewarden {version('lakewarden')}")
        parser.exit()


def build_parser() -> Parser:
    """The whole grammar. `handler` in the result is `module:function` below `console.cli`."""
    parser = Parser(
        prog="lakewarden",
        description="A terminal operations console for a small data lakehouse. Without arguments: the console.",
        allow_abbrev=False,
    )
    parser.set_defaults(handler=None)
    parser.add_argument("--version", nargs=0, action=_Version, help="print the version and exit")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell progress on stderr")
    once = parser.add_argument_group("one run without a terminal")
    once.add_argument("--run-once", action="store_true", help="load the current hour, once; for cron")
    once.add_argument("--city", action="append", metavar="NAME", help="only this city; may be repeated")
    when = once.add_mutually_exclusive_group()
    when.add_argument("--at", metavar="TIME", help="complete that hour from its staged raw files")
    when.add_argument("--now", action="store_true", help="a manual run, stamped to the second")
    once.add_argument("--force", action="store_true", help="repeat transform and load from the raw files")
    once.add_argument("--json", action="store_true", help="print the run as one JSON document")

    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=Parser)
    _runs(commands)
    command(commands, "scheduler", "scheduler:run_scheduler", "the hourly loop in the foreground, for systemd")
    doctor = command(commands, "doctor", "doctor:doctor", "what is configured, reachable and permitted")
    json_option(doctor)
    init = command(commands, "init", "init:init", "make the workspace")
    init.add_argument("--production", action="store_true", help="for real data; enrols the first officer")
    init.add_argument("--officer", metavar="USER", help="the name of that officer (officer)")
    stdin_option(init, "a new password, then a code of the secret printed")
    _cities(commands)
    _secrets(commands)
    _warehouse(commands)
    _airflow(commands)
    for part in (grammar_identity, grammar_decisions, grammar_records):
        part.add_to(commands)
    return parser


def _runs(commands: argparse._SubParsersAction[Parser]) -> None:
    runs = command(commands, "runs", "runs:list_runs", "what ran, newest first")
    runs.add_argument("--limit", type=_count, default=20, metavar="N", help="at most N runs (20)")
    json_option(runs)
    more = runs.add_subparsers(metavar="show RUN_ID", dest="subcommand", parser_class=Parser)
    show = command(more, "show", "runs:show_run", "one run with its attempts and their logs")
    show.add_argument("run_id", type=utf8, metavar="RUN_ID", help="as `lakewarden runs` prints it, or `latest`")
    json_option(show)


def _cities(commands: argparse._SubParsersAction[Parser]) -> None:
    cities = command(commands, "cities", "cities:list_cities", "the configured cities with their newest readings")
    json_option(cities)
    more = cities.add_subparsers(metavar="add|remove|test", dest="subcommand", parser_class=Parser)
    for name, text in (
        ("add", "load this city from the next run on"),
        ("remove", "load this city no more"),
        ("test", "ask the API for a city and store nothing"),
    ):
        changed = command(more, name, f"cities:{name}_city", text)
        changed.add_argument("name", metavar="CITY", help="a name, LAT,LON or an id of the weather API")
        if name == "test":
            json_option(changed)


def _secrets(commands: argparse._SubParsersAction[Parser]) -> None:
    secrets = commands.add_parser("secrets", help="API keys and passwords, sealed in the workspace", allow_abbrev=False)
    kinds = secrets.add_subparsers(metavar="set|list|remove", dest="subcommand", parser_class=Parser, required=True)
    put = command(kinds, "set", "secrets:set_secret", "read a secret from standard input, or ask for it")
    put.add_argument("name", metavar="NAME", help="such as openweather_api_key")
    json_option(command(kinds, "list", "secrets:list_secrets", "the names that are set"))
    remove = command(kinds, "remove", "secrets:remove_secret", "forget a secret")
    remove.add_argument("name", metavar="NAME")


def _warehouse(commands: argparse._SubParsersAction[Parser]) -> None:
    group = commands.add_parser(
        "warehouse", help="SuperMart: sales by the million, and what they add up to", allow_abbrev=False
    )
    kinds = group.add_subparsers(metavar="COMMAND", dest="subcommand", parser_class=Parser, required=True)
    build = command(
        kinds, "build", "warehouse:build", "replace the warehouse by practice data, the same for the same options"
    )
    build.add_argument("--rows", type=_rows, default=100_000, metavar="N", help="sales (100000)")
    build.add_argument("--seed", type=_seed, default=1, metavar="S", help="another seed gives other sales (1)")
    build.add_argument("--until", type=_date, metavar="DATE", help="the last day with sales (of the previous month)")
    build.add_argument("--replace", action="store_true", help="what was loaded, too: at a terminal only then")
    build.add_argument(
        "--background", action="store_true",
        help="as the console does it for a new workspace: into an empty warehouse alone, at low priority, with "
        "progress as lines on stderr",
    )  # fmt: skip
    load = command(kinds, "load", "warehouse:load", "load CSV or Parquet files, each whole or not at all")
    load.add_argument("--table", required=True, metavar="NAME", help="such as Sales_Transactions_Table")
    load.add_argument("files", nargs="+", metavar="FILE", help="CSV with a header, or Parquet")
    load.formatter_class = argparse.RawDescriptionHelpFormatter
    load.epilog = f"The columns of the files:\n\n{described()}"
    refresh = command(kinds, "refresh", "warehouse:refresh", "rebuild the aggregates from the facts")
    check = command(kinds, "check", "warehouse:check", "prove keys, ranges, amounts and aggregates")
    for kind in (build, load, refresh, check):
        json_option(kind)
    _warehouse_queries(kinds)


def _warehouse_queries(kinds: argparse._SubParsersAction[Parser]) -> None:
    ask = command(kinds, "ask", "warehouse_query:ask", "answer a question by name; without one, list them")
    ask.add_argument("question", nargs="?", metavar="QUESTION", help="such as top-store-last-month")
    ask.add_argument("--as-of", type=_date, metavar="DATE", help="the day it is asked on (the last day with sales)")
    ask.add_argument("--set", action="append", metavar="NAME=VALUE", help="a parameter of the question")
    sql = command(kinds, "sql", "warehouse_query:sql", "answer one SELECT, read-only and within limits")
    sql.add_argument("query", metavar="SELECT", help='such as "SELECT count(*) FROM Sales_Transactions_Table"')
    sql.add_argument(
        "--database", choices=("warehouse", "weather"), default="warehouse", help="what to ask (warehouse)"
    )
    for kind in (ask, sql):
        kind.add_argument("--engine", choices=("sqlite", "duckdb", "spark"), default="sqlite", help="(sqlite)")
        kind.add_argument("--master", metavar="URL", help="of Spark: local[N] or spark://HOST:PORT (local[*])")
        kind.add_argument("--no-aggregates", action="store_true", help="answer from the facts")
        kind.add_argument("--explain", action="store_true", help="say which table answered and why")
        kind.add_argument("--check", action="store_true", help="ask the facts too; exit 65 if they differ")
        kind.add_argument("--limit", type=_limit, default=10_000, metavar="N", help="at most N rows (10000)")
        kind.add_argument("--timeout", type=_seconds, default=30.0, metavar="S", help="stop after S seconds (30)")
        kind.add_argument("--csv", action="store_true", help="print CSV")
        kind.add_argument(
            "--unmask", action="store_true", help="customers' names and addresses in clear; needs a fresh code"
        )
        stdin_option(kind, "with --unmask, a code if one is needed")
        json_option(kind)
    diagram = command(kinds, "diagram", "warehouse_query:diagram", "draw the schema in text")
    diagram.add_argument("kind", choices=("star", "snowflake"), help="without or with the suppliers")
    publish = command(kinds, "publish", "warehouse_query:publish", "write Parquet for engines that read a lake")
    publish.add_argument("--to", type=utf8, default="", metavar="URL", help="a folder or s3://bucket/prefix (the lake)")
    json_option(publish)


def _airflow(commands: argparse._SubParsersAction[Parser]) -> None:
    airflow = commands.add_parser("airflow", help="the same pipeline under Apache Airflow", allow_abbrev=False)
    kinds = airflow.add_subparsers(metavar="dags-folder", dest="subcommand", parser_class=Parser, required=True)
    command(kinds, "dags-folder", "airflow:dags_folder", "print the folder to give Airflow")


def _count(given: str) -> int:
    return number(given, most=100_000)


def _rows(given: str) -> int:
    return number(given, most=1_000_000_000)


def _limit(given: str) -> int:
    return number(given, most=10_000_000)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"expected seconds from above 0 to 86400, found {text!r}")
    return seconds


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 999999999999999999, found {text!r}")
    return int(text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a date such as 2026-10-31, found {text!r}") from None
