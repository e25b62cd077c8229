"""The frame that every screen shares: the header with the tabs, and the line of key hints at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.strip import Strip
from textual.widget import Widget

from console.tui.text import fitted, plain
from console.tui.theme import tones

NAME = "Lakewarden"
WIDE_ENOUGH = 76  # columns of a header that has room for the product's name


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of a line that can be clicked: columns `start` to `end` (excluded) mean `action`."""

    start: int
    end: int
    action: str


class BarLine(Widget):
    """One line of parts, some of which can be clicked."""

    DEFAULT_CSS = "BarLine { height: 1; width: 100%; }"

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._spots: list[Spot] = []

    def parts(self) -> Sequence[tuple[str, str, str]]:
        """Text, tone and action ('' for none) of each part."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        width, styles = self.size.width, tones(self.app.theme)
        if y:
            return Strip.blank(width, styles.heading)
        segments, self._spots, x = [], [], 0
        for text, tone, action in self.parts():
            style = styles.heading if tone == "heading" else styles[tone]
            if tone not in ("heading", "badge", "tab"):
                style += styles.heading.background_style
            segments.append(Segment(text, style))
            if action:
                self._spots.append(Spot(x, x + segments[-1].cell_length, action))
            x += segments[-1].cell_length
        return Strip(segments).adjust_cell_length(width, styles.heading).crop(0, width)

    async def on_click(self, event: events.Click) -> None:
        for spot in self._spots:
            if spot.start <= event.x < spot.end:
                name = spot.action.partition("(")[0]
                focused = self.screen.focused
                of_panel = focused is not None and hasattr(focused, f"action_{name}")
                await self.app.run_action(spot.action, focused if of_panel else self.screen)
                return


@runtime_checkable
class Attended(Protocol):
    """An application that knows who sits at it."""

    def who_words(self, room: int) -> str:
        """Who is signed in and for how long, in at most `room` cells."""
        ...

    def who_width(self) -> int:
        """The cells in which the account's name and the time are whole."""
        ...


class AttendedLine(BarLine):
    """A line that tells who is signed in; the application has it repainted when that changes."""

    def who_words(self, room: int) -> str:
        """Who that is, in at most `room` cells; nothing where the application does not know."""
        return self.app.who_words(max(room, 0)) if isinstance(self.app, Attended) else ""

    def who_width(self) -> int:
        """The cells in which the account's name and the time are whole."""
        return self.app.who_width() if isinstance(self.app, Attended) else 0


class Header(AttendedLine):
    """Product, mode of the workspace, tabs, who is signed in, and where the workspace lies."""

    def __init__(self, *, practice: bool, tabs: Sequence[tuple[str, str]], here: str, place: str) -> None:
        super().__init__(id="header")
        self._practice = practice
        self._tabs = tabs
        self._here = here
        self._place = place

    def parts(self) -> Sequence[tuple[str, str, str]]:
        """The product's name goes where there is no room for it and whoever is signed in."""
        mode = (" PRACTICE ", "badge", "") if self._practice else (" production ", "heading", "")
        left: list[tuple[str, str, str]] = [mode, ("  ", "heading", "")]
        for number, (name, title) in enumerate(self._tabs, 1):
            tone = "tab" if name == self._here else "heading"
            left.append((f" {number} {title} ", tone, f"app.show_tab('{name}')"))
        space = self.size.width - sum(len(text) for text, _tone, _action in left)
        product = f" {NAME} "
        if self.size.width >= WIDE_ENOUGH and len(product) + self.who_width() + 1 <= space:
            left.insert(0, (product, "strong", ""))
            space -= len(product)
        right = f"{self.who_words(space - 1)} "
        space -= cell_len(right)
        place = plain(self._place)
        shown = f"{place}   " if cell_len(place) + 5 <= space else ""
        left.append((fitted(shown, max(space, 0), "right"), "heading", ""))
        left.append((right, "title", "app.account"))
        return left


class SectionBar(BarLine):
    """The sections of a tab: name, key and title of each, in a line below the header."""

    def __init__(self, sections: Sequence[tuple[str, str, str]], here: str) -> None:
        super().__init__(id="sections")
        self._sections = sections
        self._here = here

    def parts(self) -> Sequence[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = [(" ", "heading", "")]
        for name, key, title in self._sections:
            tone = "tab" if name == self._here else "heading"
            found.append((f" {key} {title} ", tone, f"app.show_tab('{name}')"))
        return found


class KeyHints(BarLine):
    """The keys that matter most here, as many as fit; the help, where there is one (`helped`), names all."""

    def __init__(self, *, helped: bool = True) -> None:
        super().__init__(id="hints")
        self._helped = helped
        self._hints: tuple[tuple[str, str, str], ...] = ()
        self._typing = False

    def show(self, bindings: Sequence[Binding], *, typing: bool = False) -> None:
        """Hint at these, the most important first; while a text is typed, letters are no commands."""
        focused = self.screen.focused
        typing = typing or (focused is not None and focused.check_consume_key("q", "q"))
        if typing != self._typing:
            self._typing = typing
            self.refresh()
        hints = tuple((key_name(binding), binding.description, binding.action) for binding in bindings)
        if hints != self._hints:
            self._hints = hints
            self.refresh()

    def parts(self) -> Sequence[tuple[str, str, str]]:
        help_key, quit_key = ("F1", "Ctrl+Q") if self._typing else ("?", "q")
        always = [(help_key, "Help", "app.help"), (quit_key, "Quit", "app.quit")]
        always = always if self._helped else always[1:]
        apart = " " if _width((*self._hints, *always), " ") <= self.size.width else ""
        room = self.size.width - _width(always, apart)
        found: list[tuple[str, str, str]] = []
        for hint in self._hints:
            room -= _width((hint,), apart)
            if room < 0:
                break
            found += _hint(*hint, apart)
        for hint in always:
            found += _hint(*hint, apart)
        return found


def _hint(key: str, what: str, action: str, apart: str) -> list[tuple[str, str, str]]:
    return [(f" {key}", "title", action), (f" {what}{apart}", "heading", action)]


def _width(hints: Sequence[tuple[str, str, str]], apart: str) -> int:
    return sum(len(part) for hint in hints for part, _tone, _action in _hint(*hint, apart))


_NAMES = {
    "question_mark": "?", "slash": "/", "escape": "Esc", "enter": "Enter", "space": "Space", "pageup": "PgUp",
    "pagedown": "PgDn", "left": "Left", "right": "Right", "up": "Up", "down": "Down", "home": "Home", "end": "End",
    "tab": "Tab", "shift+tab": "Shift+Tab", "less_than_sign": "<", "greater_than_sign": ">", "equals_sign": "=",
    "dollar_sign": "$",
}  # fmt: skip


def key_name(binding: Binding, *, all_keys: bool = False) -> str:
    """The key of a binding as it stands on keyboards; the first of several unless all are asked for."""
    names = [_NAMES.get(key) or _written(key) for key in binding.key.split(",")]
    return " ".join(names) if all_keys else names[0]


def _written(key: str) -> str:
    """`Ctrl+O`, `F5`; a letter alone stays as it is typed."""
    *held, last = key.split("+")
    function_key = last[:1] == "f" and last[1:].isdigit()
    name = _NAMES.get(last) or (last.upper() if held or function_key else last)
    return "+".join([*map(str.capitalize, held), name])
