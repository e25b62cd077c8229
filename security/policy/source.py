"""Reading the schema and the policies as files: their text is what is validated, what decides, and what is shown."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from security.errors import PolicyRefused

SCHEMA_NAME = "schema.cedarschema"


@dataclass(frozen=True, slots=True)
class PolicySource:
    """The text of a policy set: the schema, and each file of policies by its name."""

    schema: str
    files: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """All policies, one file after the other."""
        return "\n".join(text for _, text in self.files)


def read_source(folder: Path | None = None) -> PolicySource:
    """The policies of `folder`; those of this package by default. Raises PolicyRefused if they cannot be read."""
    place: Traversable = folder if folder is not None else importlib.resources.files(__package__)
    try:
        names = sorted(file.name for file in place.iterdir() if file.name.endswith(".cedar"))
        files = tuple((name, (place / name).read_text(encoding="utf-8")) for name in names)
        return PolicySource((place / SCHEMA_NAME).read_text(encoding="utf-8"), files)
    except (OSError, ValueError) as error:
        raise PolicyRefused(f"the policies in {place} cannot be read: {error}. Nothing is permitted.") from error
