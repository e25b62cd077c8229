"""What can be wrong with the configuration and with the workspace folder, as facts the front ends render.

ConfigError       a key, a variable or the folder is not as it must be (exit 78)
WorkspaceError    the disk refuses what the workspace needs (exit 74)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.redaction import one_line


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in `where` (a file or variable) `key` should be `expected`, but is `found`."""

    where: str
    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: expected {self.expected}, found {self.found}"


class ConfigError(Exception):
    """The configuration cannot be used. One line a problem; the attributes are those of the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(one_line(str(problem)) for problem in self.problems))

    @property
    def where(self) -> str:
        return self.problems[0].where

    @property
    def key(self) -> str:
        return self.problems[0].key

    @property
    def expected(self) -> str:
        return self.problems[0].expected

    @property
    def found(self) -> str:
        return self.problems[0].found


class WorkspaceError(Exception):
    """The disk refuses what the workspace needs: no space, no permission, read-only."""
