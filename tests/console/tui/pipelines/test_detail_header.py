"""The first line of a screen of details: what is shown and who looks stand apart, and are whole at 80 columns."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from console.tui.pipelines.detail_header import DetailHeader
from console.tui.theme import themes

RUN = "Run practice-20261129T000000"


class Detailed(App[None]):
    def __init__(self) -> None:
        super().__init__()
        for theme in themes():
            self.register_theme(theme)
        self.theme = themes()[0].name

    def who_words(self, room: int) -> str:
        return "operator · 15 min"[:room]

    def who_width(self) -> int:
        return 17

    def compose(self) -> ComposeResult:
        yield DetailHeader(RUN)


@pytest.mark.parametrize(
    ("width", "begin"),
    [(80, f" PRACTICE   {RUN}  "), (120, f" Lakewarden  PRACTICE   {RUN}  "), (70, " PRACTICE   Run")],
)
async def test_the_product_makes_room_for_what_is_shown(width: int, begin: str) -> None:
    app = Detailed()
    async with app.run_test(size=(width, 24)) as pilot:
        header = app.query_one(DetailHeader)
        header.say(practice=True)
        await pilot.pause()
        line = header.render_line(0).text
    assert line.startswith(begin)
    assert line.endswith(" operator · 15 min  Esc back ")
    assert len(line) == width
