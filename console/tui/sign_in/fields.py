"""The fields of the sign-in: one line each, no blinking cursor, secrets masked."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

CODE_DIGITS = 6
CODE_ONLY = f"A code has {CODE_DIGITS} digits only."
MOST_USER, MOST_PASSWORD, MOST_CODE = 64, 256, 64


def field(name: str, hint: str = "", *, most: int, secret: bool = False) -> Input:
    """A field of that id; `secret` shows no character."""
    made = Input(placeholder=hint, max_length=most, password=secret, id=name)
    made.cursor_blink = False
    return made


class CodeField(Input):
    """A code of an authenticator: six digits; spaces and dashes in what is pasted are left out."""

    class Restricted(Message):
        """Something else was typed."""

    def __init__(self, hint: str) -> None:
        super().__init__(placeholder=hint, max_length=CODE_DIGITS, restrict="[0-9]*", id="code")
        self.cursor_blink = False

    def replace(self, text: str, start: int, end: int) -> None:
        super().replace("".join(text.split()).replace("-", ""), start, end)

    def restricted(self) -> None:
        self.post_message(self.Restricted())


class FieldLine(Horizontal):
    """A field with its name before it."""

    DEFAULT_CSS = """
    FieldLine { height: 1; width: 100%; margin-bottom: 1; }
    FieldLine .field-name { width: 18; color: $lw-muted; }
    FieldLine Input { width: 1fr; max-width: 44; height: 1; border: none; padding: 0 1; background: $lw-raised; }
    FieldLine Input:focus { border: none; background: $lw-cursor; }
    """

    def __init__(self, title: str, made: Input) -> None:
        super().__init__(classes="field-line")
        self._title = title
        self._field = made

    def compose(self) -> ComposeResult:
        yield Static(self._title, classes="field-name", markup=False)
        yield self._field
