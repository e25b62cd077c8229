"""`lakewarden secrets`: set, list and remove what must never stand in a file or a command line."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from collections.abc import Mapping

from console.actions.pipelines import Pipelines
from console.cli.exits import Exit, UsageError
from console.cli.output import print_json, say
from console.cli.session import gate_of
from console.cli.signals import unbroken
from console.setting_rules import API_KEY_EXPECTED, is_api_key
from console.settings import Settings
from console.wiring.pipelines import API_KEY, pipelines
from console.wiring.secrets import secret_store

MOST_BYTES = 8193


def set_secret(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Read a secret from standard input, or ask for it on a terminal, and seal it.

    Raises `UsageError` for what cannot be a key of the weather API, or a `VaultError`.
    """
    actions = _actions(arguments, settings, environ)
    actions.require_schedule_management()  # before anything is asked of a person who may not answer
    value = _read(arguments.name)

    def seal() -> None:
        with actions.schedule_management():
            secret_store(settings).set(arguments.name, value)

    unbroken(seal)
    say(f"{arguments.name} is set, sealed with AES-256-GCM in {settings.secrets_file}")
    return Exit.DONE


def list_secrets(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """The names of the secrets that are set; never a value."""
    _actions(arguments, settings, environ).require_schedule_management()
    names = secret_store(settings).names()
    if arguments.json:
        print_json([{"name": name, "set": True} for name in names])
    else:
        for name in names:
            print(name)
    return Exit.DONE


def remove_secret(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Forget a secret. Raises `UsageError` if it is not set."""
    actions = _actions(arguments, settings, environ)

    def forget() -> None:
        with actions.schedule_management():
            if not secret_store(settings).remove(arguments.name):
                raise UsageError(f"the secret {arguments.name} is not set")

    unbroken(forget)
    say(f"{arguments.name} is removed")
    return Exit.DONE


def _actions(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Pipelines:
    return pipelines(settings, environ, permissions=gate_of(arguments, settings, environ))


def _read(name: str) -> str:
    """The secret as given. Raises `UsageError` for what cannot be one."""
    if sys.stdin.isatty():
        value = getpass.getpass(f"{name}: ")
    else:
        try:
            value = sys.stdin.buffer.read(MOST_BYTES).decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UsageError("the secret on standard input must be UTF-8 text") from error
    if name == API_KEY:
        value = value.strip()
        if not is_api_key(value):
            raise UsageError(f"{API_KEY}: expected {API_KEY_EXPECTED}, found a value that is not one (not shown)")
    return value
