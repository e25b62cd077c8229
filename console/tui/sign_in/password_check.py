"""Tells whether a new password may be set as soon as it was typed, in the forms that ask for it twice."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen
from textual.widgets import Input

from console.tui.off_loop import off_loop
from console.tui.shell import Shell
from console.tui.sign_in.refusal import Refusal

DIFFER = "The two new passwords differ: type them again."


class PasswordCheck:
    """Checks what stands in `given`, the new password of `user` on `screen`; `repeated` is the field after it."""

    def __init__(self, screen: Screen[Any], shell: Shell, user: str, given: Input, repeated: Input) -> None:
        self._screen, self._shell, self._user = screen, shell, user
        self._given, self._repeated = given, repeated
        self._told = ""

    def left(self, field: object) -> None:
        """`field` was left; what is refused is typed again, unless the next field was begun meanwhile."""
        password = self._given.value
        if field is not self._given or not password:
            return

        def right(_none: None) -> None:
            self._screen.query_one(Refusal).unsay(self._told)

        def refused(error: Exception) -> None:
            if self._given.value != password:
                return
            refusal = self._screen.query_one(Refusal)
            refusal.show(error)
            self._told = refusal.said
            if self._screen.focused is self._repeated and not self._repeated.value:
                self._screen.set_focus(self._given)

        def check() -> None:
            self._shell.open_office().sign_in.check_new_password(self._user, password)

        off_loop(self._screen, check, right, refused)

    def alike(self) -> bool:
        """Whether the password was typed twice alike, as far as it was; if not, says so and has it repeated."""
        if not self._repeated.value or self._given.value == self._repeated.value:
            return True
        self._screen.query_one(Refusal).say(DIFFER, bad=True)
        self._screen.set_focus(self._repeated)
        return False
