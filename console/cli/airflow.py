"""`lakewarden airflow`: what an Airflow installation needs to know of this one."""

from __future__ import annotations

import importlib.resources
from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit
from console.settings import Settings


def dags_folder(_arguments: Namespace, _settings: Settings, _environ: Mapping[str, str]) -> Exit:
    """Print the folder to give Airflow."""
    print(importlib.resources.files("console.airflow") / "dags")
    return Exit.DONE
