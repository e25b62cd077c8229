"""Builds what gives a new practice workspace its small warehouse: the command of the process, and when it is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from console.actions.practice_warehouse import PRACTICE_ROWS, PracticeWarehouse
from console.config_file import mode_of_accounts
from console.setting_sections import Mode
from console.settings import HOME_VARIABLE, Settings
from console.wiring.warehouse import FILE
from security.identity.core import made_otherwise
from warehouse.database import has_data

_PROGRAM = (sys.executable, "-P", "-m", "console")  # -P: what lies in the current folder is not this program


def practice_warehouse(settings: Settings, environ: Mapping[str, str] = os.environ) -> PracticeWarehouse | None:
    """The build behind a front end, not started yet; None in a production workspace."""
    if not settings.practice:
        return None
    return PracticeWarehouse(
        missing=lambda: is_missing(settings),
        command=(*_PROGRAM, "warehouse", "build", "--background", "--rows", str(PRACTICE_ROWS)),
        environ={**environ, HOME_VARIABLE: str(settings.home)},
    )


def is_missing(settings: Settings) -> bool:
    """Whether this is a practice workspace without anything in its warehouse.

    Raises a `StoreError` where the file is there and cannot be told.
    """
    return settings.practice and not has_data(settings.home / FILE) and not was_made_for_production(settings)


def check_made_for_practice(settings: Settings) -> None:
    """Return unless the accounts are of a production workspace, whatever the settings say. Raises PracticeOnly."""
    if was_made_for_production(settings):
        raise made_otherwise(settings.identity_db, practice=True)


def was_made_for_production(settings: Settings) -> bool:
    """Whether the identity database says so; an unreadable one says nothing."""
    return mode_of_accounts(settings.home) is Mode.PRODUCTION
