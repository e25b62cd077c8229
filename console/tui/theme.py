"""How the console looks: two colour themes, the styles of text drawn line by line, and the one table of glyphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from etl.models import CityState, RunState, TaskState

DARK = "lakewarden-dark"
LIGHT = "lakewarden-light"

_COLOURS = {
    DARK: {
        "text": "#d5dce6", "muted": "#8b98aa", "faint": "#5c6878", "accent": "#63b8d8", "good": "#6fc98d",
        "bad": "#ff7b72", "wait": "#e6b450", "busy": "#79b8ff", "background": "#11161d", "panel": "#1a212b",
        "raised": "#232c38", "cursor": "#2c4257", "cursor-idle": "#1f2934", "badge": "#e6b450", "badge-text": "#1a1305",
    },
    LIGHT: {
        "text": "#1c2733", "muted": "#566475", "faint": "#8793a1", "accent": "#08668f", "good": "#17703a",
        "bad": "#b0201a", "wait": "#835400", "busy": "#1552ab", "background": "#fbfcfd", "panel": "#eef2f6",
        "raised": "#e2e8ef", "cursor": "#c9e0f0", "cursor-idle": "#e8eef4", "badge": "#8f5a00", "badge-text": "#ffffff",
    },
}  # fmt: skip


def themes() -> tuple[Theme, ...]:
    """The two themes, to be registered with the application."""
    return tuple(_theme(name, colours, dark=name == DARK) for name, colours in _COLOURS.items())


def _theme(name: str, colours: Mapping[str, str], *, dark: bool) -> Theme:
    return Theme(
        name=name,
        primary=colours["accent"],
        secondary=colours["accent"],
        accent=colours["accent"],
        success=colours["good"],
        warning=colours["wait"],
        error=colours["bad"],
        foreground=colours["text"],
        background=colours["background"],
        surface=colours["background"],
        panel=colours["panel"],
        dark=dark,
        text_alpha=1.0,
        variables={
            **variables(name),
            "block-cursor-background": colours["cursor"],
            "block-cursor-foreground": colours["text"],
            "input-selection-background": colours["cursor"],
            "scrollbar": colours["raised"],
            "scrollbar-hover": colours["faint"],
            "scrollbar-active": colours["accent"],
            "scrollbar-background": colours["background"],
            "scrollbar-background-hover": colours["background"],
            "scrollbar-background-active": colours["background"],
        },
    )


def variables(theme: str) -> dict[str, str]:
    """The colours by the names that the style sheets use: `$lw-good`, `$lw-muted` …"""
    return {f"lw-{name}": colour for name, colour in _COLOURS.get(theme, _COLOURS[DARK]).items()}


@dataclass(frozen=True, slots=True)
class Tones:
    """The styles of one theme for widgets that draw their own lines."""

    styles: Mapping[str, Style]
    cursor: Style
    cursor_idle: Style
    heading: Style

    def __getitem__(self, tone: str) -> Style:
        return self.styles[tone]


def _tones(theme: str) -> Tones:
    colours = _COLOURS[theme]
    paper = colours["background"]
    names = ("text", "muted", "faint", "accent", "good", "bad", "wait", "busy")
    styles = {name: Style(color=colours[name], bgcolor=paper) for name in names}
    styles["strong"] = Style(color=colours["text"], bgcolor=paper, bold=True)
    styles["title"] = Style(color=colours["accent"], bgcolor=paper, bold=True)
    styles["bad-strong"] = Style(color=colours["bad"], bgcolor=paper, bold=True)
    styles["badge"] = Style(color=colours["badge-text"], bgcolor=colours["badge"], bold=True)
    styles["tab"] = Style(color=colours["text"], bgcolor=colours["cursor"], bold=True)
    return Tones(
        styles,
        cursor=Style(bgcolor=colours["cursor"]),
        cursor_idle=Style(bgcolor=colours["cursor-idle"]),
        heading=Style(color=colours["muted"], bgcolor=colours["panel"]),
    )


_TONES = {name: _tones(name) for name in _COLOURS}


def tones(theme: str) -> Tones:
    """The drawn styles of a theme; of the dark one for a theme that is not ours."""
    return _TONES.get(theme, _TONES[DARK])


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Every sign that is drawn; each is one cell wide."""

    task: Mapping[TaskState, str]
    run: Mapping[RunState, str]
    city: Mapping[CityState, str]
    missed: str
    folded: str
    unfolded: str
    branch: str
    rule: str
    ellipsis: str
    bars: str
    gap: str
    dot: str
    unit_space: str = " "


_UNICODE = Glyphs(
    task={
        TaskState.QUEUED: "·",
        TaskState.RUNNING: "▶",
        TaskState.SUCCESS: "✔",
        TaskState.FAILED: "✖",
        TaskState.UP_FOR_RETRY: "↻",
        TaskState.SKIPPED: "−",
        TaskState.UPSTREAM_FAILED: "⊘",
    },
    run={RunState.RUNNING: "▶", RunState.SUCCESS: "✔", RunState.PARTIAL: "◐", RunState.FAILED: "✖"},
    city={CityState.RUNNING: "▶", CityState.SUCCESS: "✔", CityState.FAILED: "✖", CityState.SKIPPED: "−"},
    missed="○",
    folded="▸",
    unfolded="▾",
    branch="└",
    rule="─",
    ellipsis="…",
    bars="▁▂▃▄▅▆▇█",
    gap=" ",
    dot="·",
)

_ASCII = Glyphs(
    task={
        TaskState.QUEUED: ".",
        TaskState.RUNNING: ">",
        TaskState.SUCCESS: "+",
        TaskState.FAILED: "x",
        TaskState.UP_FOR_RETRY: "~",
        TaskState.SKIPPED: "-",
        TaskState.UPSTREAM_FAILED: "/",
    },
    run={RunState.RUNNING: ">", RunState.SUCCESS: "+", RunState.PARTIAL: "%", RunState.FAILED: "x"},
    city={CityState.RUNNING: ">", CityState.SUCCESS: "+", CityState.FAILED: "x", CityState.SKIPPED: "-"},
    missed="o",
    folded=">",
    unfolded="v",
    branch="`",
    rule="-",
    ellipsis="~",
    bars="_.-:=+*#",
    gap=" ",
    dot="-",
)

# What else is drawn: borders, scrollbars, typographic signs.
_LIKE = {
    **dict.fromkeys("─━═╌▁▂▃▔", "-"), **dict.fromkeys("│┃║▌▐▍▎▏▊▋▉", "|"), **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛", "+"),
    **dict.fromkeys("▄▅▆▇█▀", "#"), **dict.fromkeys("“”„", "\""), **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("–—−", "-"),
    "…": "~", "°": " ", "·": ".", "•": "*",
}  # fmt: skip

TASK_TONE = {
    TaskState.QUEUED: "faint",
    TaskState.RUNNING: "busy",
    TaskState.SUCCESS: "good",
    TaskState.FAILED: "bad",
    TaskState.UP_FOR_RETRY: "wait",
    TaskState.SKIPPED: "muted",
    TaskState.UPSTREAM_FAILED: "muted",
}
RUN_TONE = {RunState.RUNNING: "busy", RunState.SUCCESS: "good", RunState.PARTIAL: "wait", RunState.FAILED: "bad"}
CITY_TONE = {
    CityState.RUNNING: "busy",
    CityState.SUCCESS: "good",
    CityState.FAILED: "bad",
    CityState.SKIPPED: "muted",
}


def speaks_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the terminal's locale is UTF-8, as `locale` decides it; without any locale it is taken for granted."""
    named = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    return not named or "utf-8" in named.lower() or "utf8" in named.lower()


class AsciiOnly(LineFilter):
    """For terminals without UTF-8: whatever is drawn, anywhere, leaves as ASCII of the same width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """As `LineFilter` asks; the background plays no part."""
        del background
        return [
            Segment(_ascii(segment.text), segment.style, segment.control) if not segment.text.isascii() else segment
            for segment in segments
        ]


@lru_cache(maxsize=4096)
def _ascii(text: str) -> str:
    return "".join(char if char.isascii() else _like(char) for char in text)


def _like(char: str) -> str:
    """The letter without its accent, a sign that looks alike, or question marks: as wide as `char`."""
    base = normalize("NFKD", char)[:1]
    if base.isascii() and cell_len(char) == 1:
        return base
    return _LIKE.get(char, "?" * cell_len(char))


def glyphs(*, unicode: bool) -> Glyphs:
    """The signs for a terminal that shows Unicode, or only ASCII."""
    return _UNICODE if unicode else _ASCII
