"""The grammar of decisions and the audit log: access and audit."""

from __future__ import annotations

import argparse

from console.cli.grammar import Parser


def add_to(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
