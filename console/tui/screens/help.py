"""The help, made from the bindings of the screen below it, and the plain message of a terminal that is too small."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap
from typing import Any, ClassVar, Protocol, runtime_checkable

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from console.tui.theme import Glyphs, glyphs
from console.tui.widgets.bars import key_name

Bound = tuple[Binding, DOMNode]
Sign = tuple[str, str, str]  # what is drawn, its tone, and what it means

KEYS_WIDTH = 18
WIDEST = 84
OTHERS, EVERYWHERE, MOVING = "Not for your role", "Everywhere", "Moving"


@runtime_checkable
class Named(Protocol):
    """A panel that is called something else than its id."""

    help_name: str


@runtime_checkable
class Restricted(Protocol):
    """A screen with keys that lead whoever is signed in to nothing but a refusal."""

    def is_denied(self, action: str) -> bool:
        """Whether a key for `action` does."""
        ...


@runtime_checkable
class Signed(Protocol):
    """A screen that draws signs of its own."""

    def help_signs(self, drawn: Glyphs) -> Sequence[Sign]:
        """What each means, where signs are drawn as `drawn`."""
        ...


@runtime_checkable
class Panelled(Protocol):
    """A screen with a panel whose keys the command palette offers wherever the focus is."""

    @property
    def offered(self) -> Widget:
        """That panel."""
        ...


def bindings_of(screen: Screen[Any]) -> list[Bound]:
    """Every binding that works now: the screen's, then those of the focused panel, then those that work everywhere."""
    return _bindings_of([screen, *([screen.focused] if screen.focused else []), screen.app])


def offered_elsewhere(screen: Screen[Any]) -> list[tuple[str, Bound]]:
    """What the palette offers of a panel that has not the focus, with its title there; no moves of its cursor."""
    panel = screen.offered if isinstance(screen, Panelled) else None
    if panel is None or panel is screen.focused:
        return []
    found = [bound for bound in _bindings_of([panel]) if _heading_of(*bound) != MOVING and bound[0].description]
    return [(f"{_name_of(panel).capitalize()}: {bound[0].description}", bound) for bound in found]


def _bindings_of(nodes: Iterable[DOMNode]) -> list[Bound]:
    found: dict[tuple[str, int], Bound] = {}
    for node in nodes:
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

    def __init__(self, bound: Sequence[Bound], of: Screen[Any] | None = None, *, unicode: bool) -> None:
        """Tells the keys `bound`, and the signs of the screen `of`."""
        super().__init__()
        self._bound = bound
        self._denied = of.is_denied if isinstance(of, Restricted) else lambda _action: False
        self._signs = of.help_signs(glyphs(unicode=unicode)) if isinstance(of, Signed) else ()

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
        return help_text(self._bound, self._signs, self._width, denied=self._denied)

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


def help_text(
    bound: Iterable[Bound], signs: Sequence[Sign], width: int, *, denied: Callable[[str], bool] = lambda _action: False
) -> Content:
    """Keys with what they do, then the signs with what they mean, for `width` cells."""
    sections: dict[str, list[tuple[str, str, str]]] = {}
    for binding, node in bound:
        keys = key_name(binding, all_keys=True)
        heading, tone = (OTHERS, "muted") if denied(binding.action) else (_heading_of(binding, node), "text")
        sections.setdefault(heading, []).append((keys, tone, binding.tooltip or binding.description))
    last = {heading: sections.pop(heading, []) for heading in (OTHERS, EVERYWHERE, MOVING)}
    everything = {**sections, "Signs": list(signs), **last}
    parts: list[Content] = []
    for heading, entries in everything.items():
        if not entries:
            continue
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
    name = _name_of(node)
    return f"In the {name}" if name else EVERYWHERE


def _name_of(node: DOMNode) -> str:
    return (node.help_name if isinstance(node, Named) else node.id or "").replace("-", " ")
