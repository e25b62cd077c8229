"""Says why a sign-in or a code was refused; after too many failures, counts the seconds until another try."""

from __future__ import annotations

from math import ceil
from time import monotonic

from textual.timer import Timer
from textual.widgets import Static

from console.tui.sign_in.words import refusal_words

RECOVERY = "Ctrl+R signs in with a recovery code at once."


class Refusal(Static):
    """One message; empty while there is none."""

    DEFAULT_CSS = """
    Refusal { height: auto; min-height: 1; margin-bottom: 1; color: $lw-muted; }
    Refusal.-bad { color: $lw-bad; }
    """

    def __init__(self, *, advice: str = "") -> None:
        super().__init__("", id="refusal", markup=False)
        self._advice = advice
        self._until = 0.0
        self.said = ""
        self._timer: Timer | None = None

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show `text` in place of what was said."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.said = text
        self.set_class(bad, "-bad")
        self.update(text)

    def unsay(self, text: str) -> None:
        """No longer show `text`, if that is what was said last."""
        if self.said == text:
            self.say("")

    def show(self, error: Exception) -> None:
        """Tell why; where a delay was imposed, how many seconds of it are left."""
        from security.errors import SignInDelayed

        if isinstance(error, SignInDelayed) and error.retry_after_s is not None:
            self.say("", bad=True)
            self._until = monotonic() + error.retry_after_s
            self._count()
            self._timer = self.set_interval(1.0, self._count)
            return
        self.say(refusal_words(error), bad=True)

    def _count(self) -> None:
        left = ceil(self._until - monotonic())
        if left <= 0:
            self.say("The wait is over: try again.")
            return
        advice = f" {self._advice}" if self._advice else ""
        unit = "second" if left == 1 else "seconds"
        self.update(f"Too many failures. Another try is possible in {left} {unit}.{advice}")
