"""The Warehouse screen: the catalogue, the editor and the results of SuperMart and of the weather readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from console.actions.permissions import PermissionDenied
from console.query_history import QueryHistory, kept_for
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.shell import Shell, WarehouseParts
from console.tui.sign_in.words import refusal_words
from console.tui.text import plain
from console.tui.warehouse.catalogue.lines import quoted
from console.tui.warehouse.catalogue.table import CatalogueLines
from console.tui.warehouse.catalogue.tree import CatalogueTree
from console.tui.warehouse.editor.editor import FILE, SqlEditor
from console.tui.warehouse.editor.sql_area import SqlArea
from console.tui.warehouse.query_desk import QueryDesk
from console.tui.warehouse.results.cell_detail import CellDetail
from console.tui.warehouse.results.filter_field import FilterField
from console.tui.warehouse.results.result_message import ResultMessage
from console.tui.warehouse.results.result_table import ResultTable
from console.tui.warehouse.results.result_view import ResultView
from console.tui.widgets.bars import Header, KeyHints
from warehouse.errors import StoreDamaged, StoreNewer

if TYPE_CHECKING:
    from console.actions.practice_warehouse import BuildNews, PracticeWarehouse
    from console.actions.warehouse_queries import WarehouseQueries
    from console.tui.warehouse.dialogs import WarehouseDialogs
    from warehouse.joins import JoinText

HISTORY = "query_history.jsonl"
WIDE, HIGH = 110, 34
IN_CLEAR_S = 30.0
PANELS = (SqlArea, CatalogueLines)  # those with keys that the screen has too
SHOW_ALL = Binding("escape", "show_all", "Show all")
FINDING = (Binding("enter", "submit", "To what was found"), SHOW_ALL)


def _bind(keys: str, action: str, what: str, tooltip: str, *, show: bool = False) -> Binding:
    return Binding(keys, action, what, show=show, id=f"warehouse.{what.lower().replace(' ', '-')}", tooltip=tooltip)


class WarehouseScreen(Screen[None]):
    """Joins the three panels; what is opened over them is the business of `WarehouseDialogs`."""

    CSS_PATH: ClassVar[list[str]] = ["screen.tcss", "catalogue/tree.tcss", "editor/editor.tcss"]  # type: ignore[assignment] # Textual takes a list too
    AUTO_FOCUS = "#catalogue"
    BINDINGS: ClassVar[list[BindingType]] = [
        _bind("f5,ctrl+j", "run", "Run", "Run the statement under the editor's cursor"),
        _bind("f4", "explain", "Explain", "How the statement or the result is answered, and from which table"),
        _bind("f3", "diagram", "Diagram", "The star and the snowflake, drawn"),
        _bind("f2,ctrl+o", "questions", "Questions", "Ask a saved question", show=True),
        _bind("ctrl+r", "history", "History", "Search the statements that were run"),
        _bind("ctrl+s", "save", "Save as question", "Keep the editor's statement as a question"),
        _bind("f6", "next_panel", "Next panel", "Catalogue, editor, results", show=True),
        _bind("U", "unmask", "Unmask", "Customers in clear for 30 s, for an operator with a fresh code; again: masked"),
        _bind("ctrl+t", "new_tab", "New tab", "Open an empty tab of the editor"),
        _bind("ctrl+w", "close_tab", "Close tab", "Close the tab that is shown (asks if there is text in it)"),
        _bind("ctrl+pagedown", "next_tab", "Next tab", "The tab to the right"),
        _bind("ctrl+pageup", "previous_tab", "Tab before", "The tab to the left"),
        _bind("z,f9", "zoom", "Zoom", "The results over the whole screen, or all panels again"),
        Binding("escape", "unzoom", show=False, id="warehouse.back", tooltip="All panels again"),
        Binding(
            "tab",
            "follow(1)",
            show=False,
            id="warehouse.tab",
            tooltip="The next panel; out of the editor F6 leads, where Tab completes",
        ),
        Binding("shift+tab", "follow(-1)", show=False, id="warehouse.shift-tab", tooltip="The panel before"),
    ]

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.practice = shell.practice
        self._parts: WarehouseParts | None = None
        self._opened: WarehouseDialogs | None = None
        self._masking: Timer | None = None
        self._clear_until = 0.0  # by the monotonic clock
        self._told_unread = False
        self._history = QueryHistory(self._kept(HISTORY))

    def compose(self) -> ComposeResult:
        shell = self._shell
        yield Header(practice=shell.practice, tabs=shell.tabs, here="warehouse", place=shell.place)
        yield Static("", id="building", markup=False)
        with Horizontal(id="panels"):
            yield CatalogueTree()
            with Vertical(id="right"):
                yield SqlEditor(self._kept(FILE))
                yield ResultView(lambda: self.queries)
        yield KeyHints()

    def on_mount(self) -> None:
        self.editor, self.view = self.query_one(SqlEditor), self.query_one(ResultView)
        self.catalogue = self.query_one(CatalogueTree)
        self.query_one("#building").display = False
        self._desk = QueryDesk(
            self,
            self.view,
            queries=lambda: self.queries,
            history=self._history,
            now=self._shell.now,
            answered=self._answered,
            explain=self._shell.explain,
        )
        self.call_after_refresh(self._open)

    def on_unmount(self) -> None:
        self._desk.cancel()

    def _kept(self, name: str) -> Path:
        """The file of that name of whoever is here: nobody reads what another one typed."""
        who = self._shell.who
        return kept_for(self._shell.settings.home / name, who.user if who is not None else None)

    def signed_in(self) -> None:
        """What the visitor typed stays, beside what the user had; it is kept in the user's files from now on."""
        self._history = self._desk.history = QueryHistory(self._kept(HISTORY))
        self._opened = None
        self.editor.adopt(self._kept(FILE))
        if self._parts is not None:
            self._read(self._parts)

    # ---- the actions of the warehouse -------------------------------------------------------------------------------

    @property
    def queries(self) -> WarehouseQueries:
        """The actions. Only asked for once they are there, which every key waits for."""
        assert self._parts is not None
        return self._parts.queries

    def _open(self) -> None:
        self._shell.start()
        off_loop(self, self._shell.open_warehouse, self._take, lambda error: self.view.show_problem(str(error)))

    def _take(self, parts: WarehouseParts) -> None:
        self._parts = parts
        self._read(parts)
        if parts.practice is not None:
            self._follow(parts.practice)

    def _read(self, parts: WarehouseParts) -> None:
        self.catalogue.read(parts.queries)
        off_loop(self, parts.queries.questions, lambda _any: None, self._not_permitted)

    def _tell_unread(self, errors: Mapping[str, Exception]) -> None:
        """Why a database cannot be read, whole, in place of results; no longer once it can be."""
        broken = {name: error for name, error in errors.items() if isinstance(error, StoreDamaged | StoreNewer)}
        if self.view.opened is not None or self._desk.at_work:
            return
        if broken:
            advice = "Everything else in the catalogue can be queried as before; r there reads it again."
            said = "\n".join(map(str, broken.values()))
            self.view.show_problem(f"{said}\n\n{advice}", heading=f"The {' and the '.join(broken)} cannot be read")
        elif self._told_unread:
            self.view.close_result()
        self._told_unread = bool(broken)
        self._hint()

    def _not_permitted(self, error: Exception) -> None:
        """Whose warehouse it is not is told so, in place of results; the readings of the weather remain."""
        if isinstance(error, PermissionDenied) and self.view.opened is None:
            advice = "The weather's readings are below the warehouse in the catalogue. u: another account."
            self.view.show_problem(f"{refusal_words(error)}\n{advice}", heading="The warehouse is not open to you")

    def _follow(self, practice: PracticeWarehouse) -> None:
        """Tell how far the practice warehouse is, until it is there."""

        def changed(news: BuildNews) -> None:  # in a thread of the build
            post(self, Delivered(self._show_build, news))

        off_loop(
            self,
            lambda: practice.start(changed),
            lambda _begun: self._show_build(practice.news),
            lambda error: self.view.show_problem(str(error)),
        )

    def _show_build(self, news: BuildNews) -> None:
        line = self.query_one("#building", Static)
        words = plain(news.words)
        if news.state.value == "failed":
            words = words.partition(":")[0]  # the rest does not fit; it stands whole in the results
            if self.view.opened is None and not self._told_unread:
                self.view.show_problem(news.words, heading="There is no practice warehouse")
        line.update(words[:1].upper() + words[1:])
        line.display = bool(words)
        if news.state.value == "done":
            self.catalogue.read()

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- running ----------------------------------------------------------------------------------------------------

    def on_sql_editor_run(self, event: SqlEditor.Run) -> None:
        if self._parts is not None:
            self._desk.run(event.text, event.database)
            self._hint()

    def on_sql_editor_cancel(self) -> None:
        """Stop the query; without one, leave the editor for panels in which letters are commands."""
        if not self._desk.cancel():
            self.view.focus_content()

    def on_result_view_changed(self, event: ResultView.Changed) -> None:
        if not event.opened.unmasked:
            self._stop_masking()
        elif self._masking is None:
            self._clear_until = monotonic() + IN_CLEAR_S
            self._masking = self.set_interval(min(1.0, IN_CLEAR_S / 4), self._count_down)
            self._count_down()
        self._hint()

    def on_result_view_cancelled(self) -> None:
        self._desk.cancel()

    def on_result_view_to_place(self, event: ResultView.ToPlace) -> None:
        self.to_editor()
        self.editor.mark_error(event.position)

    def _answered(self, error: Exception | None) -> None:
        position = getattr(error, "position", None)
        if position is not None:
            self.editor.mark_error(position)
        self._hint()

    def on_catalogue_tree_preview(self, event: CatalogueTree.Preview) -> None:
        self.preview(event.database, event.table)

    def preview(self, database: str, table: str) -> None:
        """Show the first rows of a table, and all that follow."""
        if self._parts is not None:
            text = f"SELECT * FROM {quoted(table)}"  # noqa: S608 - a table of the catalogue, governed
            self._desk.run(text, "weather" if database == "weather" else "warehouse", keep=False)
            self.view.focus_content()

    # ---- between the panels -----------------------------------------------------------------------------------------

    def on_catalogue_tree_known(self, event: CatalogueTree.Known) -> None:
        self._tell_unread(event.errors)
        self.editor.show_catalogue(event.databases)
        if self._opened is not None:
            self._opened.know(event.databases)

    def on_catalogue_tree_found(self) -> None:
        self._hint()

    def on_catalogue_tree_hinted(self) -> None:
        self._hint()

    def on_catalogue_tree_insert(self, event: CatalogueTree.Insert) -> None:
        self.editor.insert(event.text)

    def on_catalogue_tree_use(self, event: CatalogueTree.Use) -> None:
        self.editor.use_database("weather" if event.database == "weather" else "warehouse")
        self.to_editor()

    def on_catalogue_tree_diagram(self, event: CatalogueTree.Diagram) -> None:
        self._dialogs(lambda dialogs: dialogs.diagram(event.table))

    def open_join(self, join: JoinText) -> None:
        """As a whole query: in the tab that is shown if it is empty, else in one of its own."""
        self.editor.open_tab(join.select)
        self.to_editor()

    def on_sql_editor_explain(self, event: SqlEditor.Explain) -> None:
        self._dialogs(lambda dialogs: dialogs.explain(event.text, event.database))

    def on_sql_editor_ask_question(self) -> None:
        self.action_questions()

    def on_sql_editor_save_question(self, event: SqlEditor.SaveQuestion) -> None:
        self._dialogs(lambda dialogs: dialogs.save_question(event.text))

    def on_sql_editor_ask_history(self) -> None:
        self.action_history()

    # ---- keys -------------------------------------------------------------------------------------------------------

    def action_run(self) -> None:
        """From any panel: what the editor would run."""
        self.editor.command("run")

    def action_save(self) -> None:
        """From any panel, as the next three: what the editor would keep as a question."""
        self.editor.command("save")

    def action_close_tab(self) -> None:
        self.editor.command("close_tab")

    def action_next_tab(self) -> None:
        self.editor.command("next_tab")

    def action_previous_tab(self) -> None:
        self.editor.command("previous_tab")

    def action_explain(self) -> None:
        """Of the result that has the focus, else of the editor's statement."""
        opened, focused = self.view.opened, self.focused
        if opened is not None and focused is not None and self.view in focused.ancestors:
            self._dialogs(lambda dialogs: dialogs.explain(opened.text, opened.database, opened.parameters))
        else:
            self.editor.command("explain")

    def action_diagram(self) -> None:
        self._dialogs(lambda dialogs: dialogs.diagram(None))

    def action_questions(self) -> None:
        self._dialogs(lambda dialogs: dialogs.questions())

    def action_history(self) -> None:
        self._dialogs(lambda dialogs: dialogs.history())

    def action_next_panel(self) -> None:
        """In the order of reading, whatever within a panel has the focus; at once: the next key is meant for it."""
        self._step_panel(1)

    def _step_panel(self, by: int) -> None:
        self.action_unzoom()
        panels: tuple[tuple[Widget, Widget], ...] = (
            (self.catalogue, self.query_one(CatalogueLines)),
            (self.editor, self.query_one(SqlArea)),
            (self.view, self.view.content),
        )
        focused = self.focused
        here = next((n for n, (panel, _) in enumerate(panels) if focused and panel in focused.ancestors_with_self), -1)
        self.set_focus(panels[(here + by) % len(panels)][1])

    def action_follow(self, by: int) -> None:
        """What has the focus next or before; where the results alone are shown, the panel next or before."""
        if self.zoomed:
            self._step_panel(by)
        elif by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_new_tab(self) -> None:
        """From any panel: a tab of the database in front, ready to be typed into."""
        self.editor.command("new_tab")
        self.to_editor()

    def to_editor(self) -> None:
        """Show the editor, and give it the focus."""
        self.action_unzoom()
        self.editor.focus()

    def action_unmask(self) -> None:
        """The customers of the result in clear; masked again if they are."""
        opened = self.view.opened
        if self._masking is not None:
            self._mask()
        elif opened is None or opened.database != "warehouse":
            self.notify("There is no result of the warehouse to unmask.", severity="warning", markup=False)
        else:
            self._desk.ask_again(opened, unmask=True)

    def _mask(self) -> None:
        """Take away what is in clear and what was told of it, and ask the same again."""
        self._stop_masking()
        self.app.clear_notifications()
        opened = self.view.opened
        while isinstance(self.app.screen, CellDetail) and self.app.screen.in_clear:
            self.app.pop_screen()
        self.view.close_result()
        if opened is not None:
            self._desk.ask_again(opened, unmask=False)

    def _count_down(self) -> None:
        """Tell how long the customers are in clear still; after that they are masked."""
        left_s = ceil(self._clear_until - monotonic())
        if left_s > 0:
            self.view.tell_clear(left_s)
        else:
            self._mask()

    def _stop_masking(self) -> None:
        if self._masking is not None:
            self._masking.stop()
            self._masking = None
            self.view.tell_clear(0)

    def on_screen_suspend(self) -> None:
        """Another tab is shown; a dialog over this one is part of it."""
        if self._masking is not None and self not in self.app.screen_stack:
            self._mask()

    def action_zoom(self) -> None:
        """The results alone, or everything."""
        self.toggle_class("-zoomed")
        if self.zoomed:
            self.view.focus_content()
        self._hint()

    def action_unzoom(self) -> None:
        """Everything again."""
        if self.zoomed:
            self.action_zoom()

    @property
    def offered(self) -> Widget:
        """The result, whose keys the command palette offers from the editor too."""
        return self.view.content

    @property
    def zoomed(self) -> bool:
        """Whether the results alone are shown."""
        return self.has_class("-zoomed")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What the panel with the focus does at the same keys is offered once, as the panel's."""
        if action == "unzoom":
            return self.zoomed
        return action not in _shadowed(self.focused) and super().check_action(action, parameters) is not False

    def _dialogs(self, do: Callable[[WarehouseDialogs], None]) -> None:
        """What opens over the screen; it needs the actions, so that nothing opens before they are there."""
        if self._parts is None:
            return
        if self._opened is None:
            from console.tui.warehouse.dialogs import WarehouseDialogs  # the first paint does without

            self._opened = WarehouseDialogs(self, self._desk, queries=self._parts.queries, history=self._history)
        self.app.clear_notifications()
        do(self._opened)

    def action_show_all(self) -> None:
        """The whole catalogue again."""
        self.catalogue.show_everything()

    # ---- how it looks -----------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.height >= HIGH, "-high")

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        self._hint()

    def _hint(self) -> None:
        """The keys of the panel with the focus first, then those of the screen."""
        focused = self.focused
        if focused is None or isinstance(focused, Input):
            self.query_one(KeyHints).show(self._hints_of_field(focused))
            return
        shown = [b for b in type(focused).BINDINGS if isinstance(b, Binding) and b.show]
        of_panel = focused.hints if isinstance(focused, CatalogueLines | ResultTable | ResultMessage) else shown
        known = {binding.description for binding in of_panel}
        own = [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show and b.description not in known]
        mask = [Binding("U", "unmask", "Mask")] if self._masking is not None else []
        if self.view.masks and isinstance(focused, ResultTable):
            mask = [Binding("U", "unmask", "Unmask")]
        back = [Binding("z", "zoom", "Back")] if self.zoomed else []
        back += [SHOW_ALL] if isinstance(focused, CatalogueLines) and focused.wanted else []
        self.query_one(KeyHints).show([*back, *mask, *of_panel, *own])

    def _hints_of_field(self, field: Input | None) -> list[Binding]:
        """What the keys do while a text is typed."""
        if field is not None and isinstance(field.parent, FilterField):
            return [b for b in FilterField.BINDINGS if isinstance(b, Binding)]
        return list(FINDING) if field is self.catalogue.field else []


def _keys(binding: Binding) -> set[str]:
    return set(binding.key.split(","))


def _shadowed(focused: Widget | None) -> set[str]:
    """The actions of the screen that the panel with the focus has too, at every one of their keys."""
    bindings = [b for b in type(focused).BINDINGS if isinstance(b, Binding)] if isinstance(focused, PANELS) else []
    taken = {(key, b.description) for b in bindings for key in _keys(b)}
    own = [b for b in WarehouseScreen.BINDINGS if isinstance(b, Binding)]
    return {b.action for b in own if {(key, b.description) for key in _keys(b)} <= taken}
