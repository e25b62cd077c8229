"""The grammar of accounts and sessions: sign-in, sign-out, whoami, users and practice."""

from __future__ import annotations

import argparse

from console.cli.grammar import Parser


def add_to(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
