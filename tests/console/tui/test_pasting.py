"""What is pasted is one text, never keys, and is drawn without what a terminal would obey."""

from __future__ import annotations

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Input, TextArea

from console.tui.pasting import NoControls, PasteParser
from tests.console.tui.workspaces import drawn

START, END = "\x1b[200~", "\x1b[201~"
HOSTILE = ("abc\x1b[31mq", "\x1b", "a\x1b\x1b", "\x1b[A\x1b[", f"x{START}y", "\x03\x11q", "\x1b[201", "wörter\nq\n", "")


def read(*pieces: str) -> list[str]:
    """What comes of the pieces of input, in order: keys by name, pastes as `paste:TEXT`."""
    parser, found = PasteParser(), []
    for piece in pieces:
        for event in parser.feed(piece):
            if isinstance(event, events.Paste):
                found.append(f"paste:{event.text}")
            elif isinstance(event, events.Key):
                found.append(event.key)
    return found


def test_everything_between_the_marks_of_a_paste_is_its_text_however_it_arrives() -> None:
    for text in HOSTILE:
        whole = f"k{START}{text}{END}\x1b[Az"
        wanted = ["k", f"paste:{text}", "up", "z"]
        assert read(whole) == wanted
        assert read(*whole) == wanted, "a character at a time"
        assert all(read(whole[:cut], whole[cut:]) == wanted for cut in range(1, len(whole)))


def test_a_paste_that_does_not_end_is_never_keys() -> None:
    assert read(f"{START}abc\x1b[31mq", "q\x03", "") == []


def test_a_key_that_was_begun_long_before_a_paste_is_none_of_its_marks() -> None:
    parser = PasteParser()
    assert list(parser.feed("\x1b")) == []
    parser._timeout_time = 0.0
    assert [event.key for event in parser.tick() if isinstance(event, events.Key)] == ["escape"]
    assert [event.key for event in parser.feed("[200~") if isinstance(event, events.Key)][-1] == "tilde"


class Fields(App[None]):
    """Two fields with a text that a terminal would obey."""

    def __init__(self) -> None:
        super().__init__()
        self._filters.append(NoControls())

    def compose(self) -> ComposeResult:
        yield Input("ab\x1b[31mc\x9bd")
        yield TextArea("ab\x1b[31mc\x9bd")


async def test_a_control_character_in_a_field_is_not_sent_to_the_terminal() -> None:
    app = Fields()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        lines = [strip.text for strip in drawn(app)]
        assert sum("ab[31mcd" in line for line in lines) == 2
        assert all(line.isprintable() for line in lines)
        assert app.query_one(Input).value == "ab\x1b[31mc\x9bd", "the field has it still, to refuse it"
