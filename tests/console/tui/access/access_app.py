"""The console opened at its Access section, upon a prepared practice workspace and a clock that the test sets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from console.tui.access.explorer import Answer
from console.tui.access.screen import AccessScreen
from console.tui.app import LakewardenApp
from console.tui.office import SecurityOffice
from console.tui.workshop import Workshop
from console.wiring.security import Security
from tests.console.tui.warehouse.panels import shows, text_of
from tests.console.tui.workspaces import Opened, SetClock, until, workspace
from tests.practice import account_of, prepare


class Console:
    """The application with its pilot, and the security core below it."""

    def __init__(self, opened: Opened, pilot: Pilot[None], clock: SetClock) -> None:
        self.app: LakewardenApp = opened.app
        self.pilot = pilot
        self.clock = clock
        self.security: Security = opened.workshop.open_security()

    @property
    def access(self) -> AccessScreen:
        found = self.app.screen_stack[0]
        assert isinstance(found, AccessScreen)
        return found

    @property
    def answer(self) -> str:
        """The whole answer, on the screen or not, without its line breaks."""
        return " ".join(self.access.query_one(Answer).text.split())

    @property
    def text(self) -> str:
        return text_of(self.app)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Give the text to the field with the focus, as a terminal gives what is pasted."""
        self.app.post_message(Paste(text))
        await self.pilot.pause()

    async def shows(self, *texts: str) -> None:
        await shows(self.app, *texts)

    async def answers(self, *texts: str) -> None:
        """Wait until the answer has all of these."""
        await until(
            lambda: all(text in self.answer for text in texts),
            lambda: f"{[text for text in texts if text not in self.answer]} in\n{self.answer}",
            patience_s=15,
        )

    async def sign_in(self, user: str) -> None:
        """Through the sign-in that is shown, with what the practice authenticator shows."""
        shown = account_of(self.security, user)
        assert shown.password is not None
        assert shown.code is not None
        await until(lambda: len(self.app.screen.query(Input)) == 2 and self.app.focused is not None, "the sign-in")
        await self.type(user)
        await self.press("tab")
        await self.type(shown.password)
        await self.press("enter")
        await until(lambda: [one for one in self.app.screen.query(Input) if one.id == "code"], "the code's field")
        await until(lambda: self.app.focused is not None and self.app.focused.id == "code", "its focus")
        await self.type(shown.code)
        await self.press("enter")
        await until(lambda: self.app.who is not None and isinstance(self.app.screen, AccessScreen), "the session")

    async def give_code(self, user: str) -> None:
        """In the dialog that asks for a fresh one."""
        await self.shows("A fresh code, please")
        await until(lambda: self.app.focused is not None and self.app.focused.id == "code", "its focus")
        code = account_of(self.security, user).code
        assert code is not None
        await self.type(code)
        await self.press("enter")


def noon() -> datetime:
    """Tomorrow's noon: the day shift is on, and the workspace's own past is past."""
    return (datetime.now(UTC) + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


Wrap = Callable[[Workshop], Callable[[], SecurityOffice]]  # what opens the office in place of the workshop


@asynccontextmanager
async def console(
    home: Path,
    *,
    size: tuple[int, int] = (120, 40),
    wrap: Wrap | None = None,
    **overrides: str,
) -> AsyncIterator[Console]:
    """The console at the decision explorer, whose first answer is there; with `wrap` whatever that opens."""
    settings, environ = workspace(home, **overrides)
    prepare(home)
    (home / "state.json").write_text(json.dumps({"tab": "access"}))
    clock = SetClock(noon())
    opened = Opened(settings, environ, permissions=None, clock=clock)
    if wrap is not None:
        opened.app.open_office = opened.app.door._open_office = wrap(opened.workshop)
    try:
        async with opened.app.run_test(size=size, notifications=True) as pilot:
            here = Console(opened, pilot, clock)
            if wrap is None:
                await until(lambda: "may" in here.answer, "the first answer")
            yield here
    finally:
        opened.close()
