"""Shows paragraphs with room to scroll; lines that mean a policy can be selected and opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.tui.access.paragraphs import Line, Paragraph, broken
from console.tui.theme import Glyphs, glyphs, tones

BANDS = {"allow": "good", "deny": "bad", "waiting": "busy"}


class LineView(ScrollView, can_focus=True):
    """`Opened` tells which policy is wanted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up", tooltip="Up a line, or to the policy above"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down", tooltip="Down a line, or to the next policy"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="table.page-up", tooltip="One screen up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="table.page-down", tooltip="One screen down"),
        Binding("home,g", "first", "First", show=False, id="table.first", tooltip="To the beginning"),
        Binding("end,G", "last", "Last", show=False, id="table.last", tooltip="To the end"),
    ]
    DEFAULT_CSS = """
    LineView { background: $lw-background; scrollbar-size-vertical: 1; scrollbar-gutter: stable; overflow-x: hidden; }
    """

    class Opened(Message):
        """The text of a policy is wanted."""

        def __init__(self, view: LineView, target: str) -> None:
            super().__init__()
            self.view = view
            self.target = target

        @property
        def control(self) -> LineView:
            return self.view

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._paragraphs: Sequence[Paragraph] = ()
        self._lines: list[Line] = []
        self._cursor = -1  # the line selected; -1 for none
        self._sought = ""  # the policy to be selected and scrolled to, once the view has a size

    @property
    def glyphs(self) -> Glyphs:
        return glyphs(unicode=getattr(self.app, "unicode", True))

    @property
    def target(self) -> str:
        """The policy that is selected; empty for none."""
        return self._lines[self._cursor].target if 0 <= self._cursor < len(self._lines) else ""

    @property
    def text(self) -> str:
        """Everything that is shown, on screen or not."""
        return "\n".join("".join(text for text, _ in line.parts).rstrip() for line in self._lines)

    def show(self, paragraphs: Sequence[Paragraph], *, select: str = "", keep_place: bool = False) -> None:
        """Show these from the beginning, or from where one was; `select` is the policy that is selected."""
        if paragraphs == self._paragraphs and not select:
            return
        self._paragraphs, self._sought = paragraphs, select
        self._break(select or self.target)
        if not keep_place:
            self.scroll_home(animate=False, force=True)
        self._seek()

    def restyle(self) -> None:
        """The colours are others."""
        self.refresh()

    def on_resize(self) -> None:
        self._break(self._sought or self.target)
        self._seek()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _break(self, target: str) -> None:
        width = self.scrollable_content_region.width
        self._lines = broken(self._paragraphs, width) if width > 0 else []
        places = [number for number, line in enumerate(self._lines) if line.target]
        wanted = [number for number in places if self._lines[number].target == target]
        self._cursor = next(iter([*wanted, *places]), -1)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def _seek(self) -> None:
        """Scroll to what is sought, if there are lines yet."""
        if self._sought and self._sought == self.target:
            self._sought = ""
            self.call_after_refresh(self.scroll_to, y=self._cursor, animate=False, force=True)

    # ---- drawing ----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        number, width = int(self.scroll_offset.y) + y, self.scrollable_content_region.width
        paper = tones(self.app.theme)["text"]
        if not 0 <= number < len(self._lines):
            return Strip.blank(width, paper)
        line = self._lines[number]
        ground = self._band(line.band) if line.band else paper
        segments = [Segment(text, self.style_of(tone) if not line.band else ground) for text, tone in line.parts]
        strip = Strip(segments).adjust_cell_length(width, ground)
        if number != self._cursor:
            return strip
        over = tones(self.app.theme).cursor if self.has_focus else tones(self.app.theme).cursor_idle
        return Strip([Segment(one.text, (one.style or paper) + over) for one in strip], width)

    def style_of(self, tone: str) -> Style:
        """The style of a part; views with tones of their own know more."""
        return tones(self.app.theme)[tone]

    def _band(self, name: str) -> Style:
        """The colour of the tone as ground, so that the band is seen from afar; its words say the same."""
        tone = tones(self.app.theme)[BANDS[name]]
        return Style(color=tone.bgcolor, bgcolor=tone.color, bold=True)

    # ---- moving -----------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """To the next policy if it is in sight, else a line on."""
        places = [number for number, line in enumerate(self._lines) if line.target]
        top, bottom = int(self.scroll_offset.y), int(self.scroll_offset.y) + self.size.height
        ahead = [n for n in places if n > self._cursor] if by > 0 else [n for n in places if n < self._cursor][::-1]
        if ahead and top <= ahead[0] < bottom:
            self._select(ahead[0])
        else:
            self.scroll_to(y=max(top + by, 0), animate=False, force=True)

    def action_page(self, by: int) -> None:
        step = max(self.size.height - 1, 1)
        self.scroll_to(y=max(int(self.scroll_offset.y) + by * step, 0), animate=False, force=True)

    def action_first(self) -> None:
        self.scroll_home(animate=False, force=True)
        self._select(next((n for n, line in enumerate(self._lines) if line.target), -1))

    def action_last(self) -> None:
        self.scroll_end(animate=False, force=True)
        self._select(max((n for n, line in enumerate(self._lines) if line.target), default=-1))

    def action_open(self) -> None:
        """Ask for the text of the policy that is selected."""
        if self.target:
            self.post_message(self.Opened(self, self.target))

    def on_click(self, event: events.Click) -> None:
        number = int(self.scroll_offset.y) + event.y
        if 0 <= number < len(self._lines) and self._lines[number].target:
            self._select(number)
            if event.chain == 2:
                self.action_open()

    def _select(self, number: int) -> None:
        self._cursor = number
        self.refresh()
