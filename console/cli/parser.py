"""The command line's grammar: every command, option and help text, and the function that carries each out."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

from console.cli.exits import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are raised, since the contract's usage exit code is 64, not 2."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{_without_values(message)}; see `{self.prog} --help`")


def _without_values(message: str) -> str:
    """The message without words that belong nowhere: one of them may be a key, given where none is taken."""
    kind, colon, words = message.partition("unrecognized arguments:")
    if colon:
        return f"{kind}{colon} {' '.join(w.partition('=')[0] if w.startswith('--') else '…' for w in words.split())}"
    return re.sub(r"invalid choice: .* \(choose", "invalid choice (choose", message, flags=re.DOTALL)


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
    _command(commands, "scheduler", "scheduler:run_scheduler", "the hourly loop in the foreground, for systemd")
    doctor = _command(commands, "doctor", "doctor:doctor", "what is configured, reachable and permitted")
    _json(doctor)
    init = _command(commands, "init", "init:init", "make the workspace")
    init.add_argument("--production", action="store_true", help="for real data: no practice source, no practice data")
    _cities(commands)
    _secrets(commands)
    _airflow(commands)
    return parser


def _runs(commands: argparse._SubParsersAction[Parser]) -> None:
    runs = _command(commands, "runs", "runs:list_runs", "what ran, newest first")
    runs.add_argument("--limit", type=_count, default=20, metavar="N", help="at most N runs (20)")
    _json(runs)
    more = runs.add_subparsers(metavar="show RUN_ID", dest="subcommand", parser_class=Parser)
    show = _command(more, "show", "runs:show_run", "one run with its attempts and their logs")
    show.add_argument("run_id", metavar="RUN_ID", help="as `lakewarden runs` prints it, or `latest`")
    _json(show)


def _cities(commands: argparse._SubParsersAction[Parser]) -> None:
    cities = _command(commands, "cities", "cities:list_cities", "the configured cities with their newest readings")
    _json(cities)
    more = cities.add_subparsers(metavar="add|remove|test", dest="subcommand", parser_class=Parser)
    for name, text in (
        ("add", "load this city from the next run on"),
        ("remove", "load this city no more"),
        ("test", "ask the API for a city and store nothing"),
    ):
        command = _command(more, name, f"cities:{name}_city", text)
        command.add_argument("name", metavar="CITY", help="a name, LAT,LON or an id of the weather API")
        if name == "test":
            _json(command)


def _secrets(commands: argparse._SubParsersAction[Parser]) -> None:
    secrets = commands.add_parser("secrets", help="API keys and passwords, sealed in the workspace", allow_abbrev=False)
    kinds = secrets.add_subparsers(metavar="set|list|remove", dest="subcommand", parser_class=Parser, required=True)
    put = _command(kinds, "set", "secrets:set_secret", "read a secret from standard input, or ask for it")
    put.add_argument("name", metavar="NAME", help="such as openweather_api_key")
    _json(_command(kinds, "list", "secrets:list_secrets", "the names that are set"))
    remove = _command(kinds, "remove", "secrets:remove_secret", "forget a secret")
    remove.add_argument("name", metavar="NAME")


def _airflow(commands: argparse._SubParsersAction[Parser]) -> None:
    airflow = commands.add_parser("airflow", help="the same pipeline under Apache Airflow", allow_abbrev=False)
    kinds = airflow.add_subparsers(metavar="dags-folder", dest="subcommand", parser_class=Parser, required=True)
    _command(kinds, "dags-folder", "airflow:dags_folder", "print the folder to give Airflow")


def _command(commands: argparse._SubParsersAction[Parser], name: str, handler: str, text: str) -> Parser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    command.set_defaults(handler=handler)
    return command


def _json(parser: Parser) -> None:
    # Without a default of its own, since a subcommand's default would overwrite what its parent parsed.
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 100000, found {text!r}")
    return int(text)
