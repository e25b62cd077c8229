"""The help, made from the bindings of the screen below it, and the plain message of a terminal that is too small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from console.tui.theme import RUN_TONE, TASK_TONE, Glyphs, glyphs
from console.tui.widgets.bars import key_name
from etl.models import RunState, TaskState

Bound = tuple[Binding, DOMNode]

KEYS_WIDTH = 18
WIDEST = 84
MOVING = "Moving"

MEANINGS = {
    TaskState.QUEUED: "queued: waits for a worker or for the API's quota",
    TaskState.RUNNING: "running",
    TaskState.SUCCESS: "success: the file or object is whole and in place",
    TaskState.FAILED: "failed, and no retry is left",
    TaskState.UP_FOR_RETRY: "up for retry: goes again at the time shown (h now, x never)",
    TaskState.SKIPPED: "skipped: not needed, or cancelled",
    TaskState.UPSTREAM_FAILED: "not started, because a task before it failed",
}


def bindings_of(screen: Screen[Any]) -> list[Bound]:
    """Every binding that works now: the screen's, then those of the focused panel, then those that work everywhere."""
    found: dict[tuple[str, int], Bound] = {}
    for node in [screen, *([screen.focused] if screen.focused else []), screen.app]:
        for kind in type(node).__mro__:
            for binding in kind.__dict__.get("BINDINGS", ()):
                if isinstance(binding, Binding) and binding.id and (binding.description or binding.tooltip):
                    found.setdefault((binding.id, id(node)), (binding, node))
    return list(found.values())


class HelpScreen(ModalScreen[None]):
    """Keys and signs; any of its keys closes it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q,enter", "close", "Close", id="help.close", tooltip="Close the help")
    ]

    def __init__(self, bound: Sequence[Bound], *, unicode: bool) -> None:
        super().__init__()
        self._bound = bound
        self._unicode = unicode

    def compose(self) -> ComposeResult:
        self._width = self._wanted_width()
        with VerticalScroll(id="help"):
            yield Static(self._text(), id="help-text", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#help"))

    def on_resize(self) -> None:
        if self._wanted_width() != self._width:
            self._width = self._wanted_width()
            self.call_after_refresh(self.query_one("#help-text", Static).update, self._text())

    def _wanted_width(self) -> int:
        return min(WIDEST, self.app.size.width * 96 // 100) - 6

    def _text(self) -> Content:
        return help_text(self._bound, glyphs(unicode=self._unicode), self._width)

    def action_close(self) -> None:
        self.dismiss(None)


class TooSmall(ModalScreen[None]):
    """Stands over everything until the terminal is larger."""

    CSS_PATH = "help.tcss"

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self._width, self._height = width, height

    def compose(self) -> ComposeResult:
        yield Static("", id="small", markup=False)

    def on_mount(self) -> None:
        self.on_resize()

    def on_screen_resume(self) -> None:
        """What lay over it is gone: if the terminal was enlarged meanwhile, so is this."""
        if self.app.size.width >= self._width and self.app.size.height >= self._height:
            self.dismiss()

    def on_resize(self) -> None:
        size, least = f"{self.app.size.width}x{self.app.size.height}", f"{self._width}x{self._height}"
        self.query_one("#small", Static).update(
            f"This terminal has {size} cells.\nLakewarden needs {least}.\nEnlarge it, or press q to leave."
        )


def help_text(bound: Iterable[Bound], signs: Glyphs, width: int) -> Content:
    """Keys with what they do, then the signs with what they mean, for `width` cells."""
    sections: dict[str, list[tuple[str, str, str]]] = {}
    for binding, node in bound:
        keys = key_name(binding, all_keys=True)
        sections.setdefault(_heading_of(binding, node), []).append(
            (keys, "text", binding.tooltip or binding.description)
        )
    legend = [(signs.task[state], TASK_TONE[state], meaning) for state, meaning in MEANINGS.items()]
    legend.append(
        (signs.run[RunState.PARTIAL], RUN_TONE[RunState.PARTIAL], "partial: some cities are loaded, some failed")
    )
    legend.append((signs.missed, "wait", "missed hour: no run, and the API has no past to make it up from"))
    moving = sections.pop(MOVING, [])
    everything = {**sections, "Signs": legend, **({MOVING: moving} if moving else {})}
    parts: list[Content] = []
    for heading, entries in everything.items():
        parts.append(Content.styled(f"{heading}\n", "bold $lw-accent"))
        for key, tone, meaning in entries:
            first, *more = wrap(meaning, max(width - KEYS_WIDTH, 20)) or [""]
            parts.append(Content.styled(f"  {key:<{KEYS_WIDTH - 2}}", f"bold $lw-{tone}"))
            parts.append(Content.styled(f"{first}\n", "$lw-text"))
            parts += [Content.styled(" " * KEYS_WIDTH + f"{line}\n", "$lw-text") for line in more]
        parts.append(Content("\n"))
    return Content.assemble(*parts[:-1])


def _heading_of(binding: Binding, node: DOMNode) -> str:
    if (binding.id or "").startswith("table."):
        return MOVING
    if isinstance(node, Screen):
        return "This screen"
    return f"In the {node.id.replace('-', ' ')}" if node.id else "Everywhere"
