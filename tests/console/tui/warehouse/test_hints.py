"""The keys of the results at 80 columns: all that are used at every result are named."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.binding import Binding

from console.tui.theme import themes
from console.tui.warehouse.results.result_table import ResultTable
from console.tui.widgets.bars import KeyHints, key_name


class Hinting(App[None]):
    def __init__(self) -> None:
        super().__init__()
        for theme in themes():
            self.register_theme(theme)
        self.theme = themes()[0].name

    def compose(self) -> ComposeResult:
        yield KeyHints()


async def named(width: int) -> str:
    """The line of hints for a result on a screen so wide."""
    app = Hinting()
    async with app.run_test(size=(width, 24)) as pilot:
        hints = app.query_one(KeyHints)
        hints.show([binding for binding in ResultTable.BINDINGS if isinstance(binding, Binding) and binding.show])
        await pilot.pause()
        return hints.render_line(0).text


async def test_at_80_columns_export_copy_and_limits_are_named() -> None:
    line = await named(80)
    assert " ".join(line.split()) == "s Sort / Filter f Facets c Chart e Export y Copy l Limits ? Help q Quit"


async def test_where_there_is_room_all_are_named_and_stand_apart() -> None:
    line = await named(120)
    assert "l Limits  Enter Cell  i Column  ? Help  q Quit" in line


def test_keys_are_named_as_on_a_keyboard_with_what_is_held_too() -> None:
    names = {"ctrl+left,0": "Ctrl+Left 0", "f8,ctrl+pagedown": "F8 Ctrl+PgDn", "ctrl+o": "Ctrl+O", "G": "G"}
    assert {keys: key_name(Binding(keys, "bell"), all_keys=True) for keys in names} == names
