"""What is wrong with the audit log, in a line above everything until it is right again."""

from __future__ import annotations

from enum import Enum

from textual.widgets import Static

from console.tui.text import plain


class Fails(Enum):
    """What of the log can be wrong."""

    READING = "it cannot be read"
    WRITING = "it cannot be written, so nothing is recorded or disclosed"
    CONTENT = "a verification found problems"


class Alarm(Static):
    """Hidden while all is well."""

    def __init__(self) -> None:
        super().__init__("", id="alarm", markup=False)
        self._told: dict[Fails, str] = {}
        self.display = False

    def tell(self, what: Fails, text: str) -> None:
        """Say what is wrong; without `text`, that `what` is right again."""
        if self._told.get(what, "") == plain(text):
            return
        self._told.pop(what, None)
        if text:
            self._told[what] = plain(text)
        said = next(iter(self._told.values()), "")
        self.update(f"! THE AUDIT LOG FAILS. {said[:1].upper()}{said[1:]}")
        self.display = bool(said)
