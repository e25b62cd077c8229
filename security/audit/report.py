"""What a verification says: the log's size and root, what covers it, and each problem with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from security.audit.checkpoint import Checkpoint

MOST_PROBLEMS = 100  # that are kept; all are counted


class Fault(StrEnum):
    """What sort of thing is wrong."""

    EVENT = "event"  # an event was edited, or put in another's place
    CHAIN = "chain"  # an event does not follow the one before it: one of the two was changed, inserted or removed
    GAP = "gap"  # events are missing in between
    TREE = "tree"  # a stored tree hash is not what the events give
    SEAL = "seal"  # what authenticates an event was not written with the log's key
    CHECKPOINT = "checkpoint"  # a checkpoint is missing, changed, or not signed by the log's key
    HISTORY = "history"  # events are not those that a signed checkpoint covers
    TRUNCATED = "truncated"  # the log ends before a checkpoint says it did
    INDEX = "index"  # the search index was changed, or is of other events
    DAMAGED = "damaged"  # the file is no sound database of this kind


@dataclass(frozen=True, slots=True)
class Problem:
    """`seq` is the number of the first event concerned, None where it concerns the log as a whole."""

    fault: Fault
    seq: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification. `checkpoint` is the newest one that is signed and fits; None if there is none.

    Of the checkpoints from outside, `outside` were signed and compared, the largest of them over `outside_size` events.
    """

    ok: bool
    events: int
    root: bytes
    checkpoint: Checkpoint | None
    problems: tuple[Problem, ...]
    found: int  # how many problems there are; `problems` holds the first `MOST_PROBLEMS`
    outside: int = 0
    outside_size: int = 0

    @property
    def uncovered(self) -> int:
        """How many events no signed checkpoint covers yet."""
        return self.events - (self.checkpoint.size if self.checkpoint else 0)


@dataclass(slots=True)
class Findings:
    """Problems as they are found."""

    problems: list[Problem] = field(default_factory=list)
    found: int = 0

    def add(self, fault: Fault, seq: int | None, text: str) -> None:
        self.found += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(fault, seq, text))
