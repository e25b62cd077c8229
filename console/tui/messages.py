"""What threads tell the screens: news of the workspace, and results of actions. Any thread may post them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual.message import Message

from console.tui.pipelines.run_lines import Runs

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.pipelines import CityStatus, Overview


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The workspace as last read. `read_at` is when, by the machine's clock."""

    overview: Overview
    cities: tuple[CityStatus, ...]
    runs: Runs
    read_at: datetime


class Delivered(Message, bubble=False):
    """Something done off the loop is over: `receive` takes its result on the loop."""

    def __init__(self, receive: Callable[[Any], None], result: Any) -> None:
        super().__init__()
        self.receive = receive
        self.result = result


class News(Message, bubble=False):
    """The workspace as it is now."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot


class Trouble(Message, bubble=False):
    """The workspace cannot be read: why, and what to do. It is tried again until it can be."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
