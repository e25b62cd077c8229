"""What the parts of the command line's grammar are made with."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from console.cli.exits import UsageError

LONGEST_NUMBER = 18  # digits: what a database can hold


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are raised, since the contract's usage exit code is 64, not 2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # What is no option though it begins with a minus: by default a number, here a position (-33.87,151.21) too.
        self._negative_number_matcher = re.compile(r"-\d[\d.,+ -]*$")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Unknown arguments are refused here, by the command that they were given to, whose help lists its own."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{_without_values(message)}; see `{self.prog} --help`")


def command(commands: argparse._SubParsersAction[Parser], name: str, handler: str, text: str) -> Parser:
    """One more command; `handler` is `module:function` below `console.cli`, `text` its help without a full stop."""
    added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    added.set_defaults(handler=handler)
    return added


def group(
    commands: argparse._SubParsersAction[Parser], name: str, text: str, metavar: str
) -> argparse._SubParsersAction[Parser]:
    """A command that is nothing without one of its own commands, which `metavar` names."""
    parser = commands.add_parser(name, help=text, allow_abbrev=False)
    return parser.add_subparsers(metavar=metavar, dest="subcommand", parser_class=Parser, required=True)


def utf8(given: str) -> str:
    """An argument that a store is asked for. Raises ArgumentTypeError for bytes that are no text."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("expected text in UTF-8, found other bytes") from None
    return given


def patient(given: str) -> str:
    """The id of a patient, in any case. Raises ArgumentTypeError for what is no text, or none at all."""
    found = utf8(given).strip()
    if not found:
        raise argparse.ArgumentTypeError("expected the id of a patient, such as P0001, found nothing")
    return found


def number(given: str, *, most: int) -> int:
    """A count from 1 to `most`. Raises ArgumentTypeError."""
    if not given.isascii() or not given.isdigit() or len(given) > LONGEST_NUMBER or not 0 < int(given) <= most:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {most}, found {given[:40]!r}")
    return int(given)


def json_option(parser: Parser) -> None:
    """`--json`; without a default of its own, since a subcommand's default would overwrite what its parent parsed."""
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")


def stdin_option(parser: Parser, lines: str) -> None:
    """`--stdin`, for scripts; `lines` says what is read."""
    parser.add_argument("--stdin", action="store_true", help=f"read from standard input instead of asking: {lines}")


def _without_values(message: str) -> str:
    """The message without words that belong nowhere: one of them may be a key, given where none is taken."""
    kind, colon, words = message.partition("unrecognized arguments:")
    if colon:
        told = [word.partition("=")[0] for word in words.split() if word.startswith("--")]
        if hidden := len(words.split()) - len(told):
            count = "a word that is" if hidden == 1 else f"{hidden} words that are"
            told.append(f"{count} not shown here: there may be a key in it (a text of several words needs quotes)")
        return f"{kind}{colon} {', '.join(told)}"
    return re.sub(r"invalid choice: .* \(choose", "invalid choice (choose", message, flags=re.DOTALL)
