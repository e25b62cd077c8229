"""Sets up an authenticator: the QR code drawn in the terminal, the secret in text, the first code, recovery codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Button, Input, Static

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.shell import Shell
from console.tui.sign_in.fields import CODE_ONLY, MOST_PASSWORD, CodeField, FieldLine, field
from console.tui.sign_in.password_check import PasswordCheck
from console.tui.sign_in.refusal import Refusal
from console.tui.text import plain
from console.tui.widgets.bars import Header, KeyHints
from console.tui.widgets.dialog_keys import DialogKeys
from console.tui.widgets.section_title import SectionTitle
from security.errors import PasswordRefused

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import SignInActions, Who
    from security.identity.enrolment import Proposal

    Finish = Callable[[SignInActions, str, str | None], tuple[Who, list[str]]]

BESIDE = 36  # cells that the form needs beside the picture
ROOMY = 28  # lines of a screen on which the form beside it has room for empty ones
TYPE_IT = "Type this secret into an authenticator app:"
ROOM_FOR_A_COLUMN = 24  # lines of a screen on which ten codes stand one below the other
CODES_FRAME = 10  # lines of the dialog around the recovery codes
WRITTEN = "I have written them down"
MORE_CODES = "PgDn: more codes below."
READ_ON = "There are more codes below: PgDn shows them."
AS_MANY_AS_IT_TAKES = 200  # rows of a picture that can be scrolled


class EnrolmentScreen(Screen["Who | None"]):
    """The result is who is signed in, None if it was left before the end.

    `finish` puts the authenticator in force, given the actions, a code of it and the new password, if one is needed.
    """

    CSS_PATH = "enrolment.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Go on", id="enrolment.go-on", tooltip="The next field; from the last, finish"),
        Binding("pagedown,pageup", "scroll_picture", "Scroll the QR code", id="enrolment.scroll",
                tooltip="Move the QR code, where it is higher than the screen"),
        Binding("escape", "leave", "Leave", id="enrolment.leave", tooltip="Leave; nothing is changed"),
        Binding("down", "app.focus_next", "Next field", show=False, id="enrolment.next"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="enrolment.previous"),
    ]  # fmt: skip

    def __init__(self, shell: Shell, proposal: Proposal, finish: Finish) -> None:
        super().__init__()
        self._shell = shell
        self._put_in_force = finish
        self._proposal = proposal
        self._asked = False
        self._check: PasswordCheck | None = None
        self._scrolls = False

    def compose(self) -> ComposeResult:
        shell, proposal = self._shell, self._proposal
        yield Header(practice=shell.practice, tabs=(), here="", place=shell.place)
        yield SectionTitle(f"The authenticator of {plain(proposal.user)}", id="enrolment-title")
        with Container(id="enrolment"):
            with VerticalScroll(id="picture-room", can_focus=False):
                yield Static("", id="picture", markup=False)
            with Vertical(id="enrolment-form"):
                yield Static("", id="secret", markup=False)
                if proposal.needs_password:
                    hint = "8 characters or more"
                    yield FieldLine("New password", field("password", hint, most=MOST_PASSWORD, secret=True))
                    yield FieldLine("New password again", field("repeated", most=MOST_PASSWORD, secret=True))
                yield FieldLine("Code", CodeField("6 digits the app shows"))
                yield Refusal()
        yield KeyHints()

    def on_mount(self) -> None:
        self.query_one(SectionTitle).activate(True)
        if self._proposal.needs_password:
            given, repeated = self.query_one("#password", Input), self.query_one("#repeated", Input)
            self._check = PasswordCheck(self, self._shell, self._proposal.user, given, repeated)
        self.set_focus(self.query_one(Input))

    def on_resize(self) -> None:
        """The picture for the width there is; what does not fit in height is scrolled."""
        from security.identity.qr import qr_lines

        unicode = bool(getattr(self.app, "unicode", True))
        lines = qr_lines(self._proposal.uri, columns=self.size.width - 2, rows=AS_MANY_AS_IT_TAKES, unicode=unicode)
        picture = Text("\n".join(lines) if lines else "This terminal is too narrow for the QR code.")
        picture.highlight_regex("#+", "white on white")  # without block characters, the ground is what is light
        self.query_one("#picture", Static).update(picture)
        self.set_class(lines is not None, "-drawn")
        self.set_class(lines is not None and self.size.width - len(lines[0]) >= BESIDE, "-beside")
        self.set_class(self.size.height < ROOMY, "-low")
        self.query_one("#secret", Static).update(secret_words(self._proposal.secret, drawn=lines is not None))
        self.call_after_refresh(self._hint)

    def _hint(self) -> None:
        self._scrolls = self.query_one("#picture-room").max_scroll_y > 0
        own = [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show]
        self.query_one(KeyHints).show([b for b in own if self.check_action(b.action, ())], typing=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is something to scroll only where the picture is higher than its room."""
        return action != "scroll_picture" or self._scrolls

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def on_code_field_restricted(self) -> None:
        self.query_one(Refusal).say(CODE_ONLY, bad=True)

    def on_input_changed(self) -> None:
        self.query_one(Refusal).unsay(CODE_ONLY)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        if self._check is not None:
            self._check.left(event.widget)

    def on_input_submitted(self) -> None:
        self.action_go_on()

    def action_go_on(self) -> None:
        """To the first empty field; once all are filled, finish."""
        fields = {made.id: made for made in self.query(Input)}
        empty = [made for made in fields.values() if not made.value.strip()]
        if self._asked or (self._check is not None and not self._check.alike()):
            return
        if empty:
            self.set_focus(empty[0])
            return
        self._finish(fields["code"].value, fields["password"].value if "password" in fields else None)

    def _finish(self, code: str, password: str | None) -> None:
        self._asked = True
        self.query_one(Refusal).say("Checking the code")

        def finish() -> tuple[Who, list[str]]:
            actions: SignInActions = self._shell.open_office().sign_in
            if password is not None:
                actions.check_new_password(self._proposal.user, password)
            return self._put_in_force(actions, code, password)

        off_loop(self, finish, self._finished, self._refused)

    def _finished(self, done: tuple[Who, list[str]]) -> None:
        who, codes = done
        self.query_one(Refusal).say("")

        def written_down(_none: None) -> None:
            self.dismiss(who)

        self.app.push_screen(RecoveryCodes(codes, who.user), written_down)

    def _refused(self, error: Exception) -> None:
        self._asked = False
        self.query_one(Refusal).show(error)
        if isinstance(error, PasswordRefused):
            self.set_focus(self.query_one("#password"))
            return
        code = self.query_one("#code", Input)
        code.value = ""
        self.set_focus(code)

    def action_scroll_picture(self) -> None:
        """Down by what is seen; from the end, to the beginning."""
        room = self.query_one("#picture-room")
        if room.scroll_offset.y >= room.max_scroll_y:
            room.scroll_home(animate=False)
        else:
            room.scroll_page_down(animate=False)

    def action_leave(self) -> None:
        if not self._asked:
            self.dismiss(None)


class RecoveryCodes(Dialog):
    """Ten codes that are shown this once; only the button closes it, once all of them were on the screen."""

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "enrolment.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown,down", "scroll_codes(1)", "Codes below", id="recovery-codes.down",
                tooltip="The codes below those in sight"),
        Binding("pageup,up", "scroll_codes(-1)", "Codes above", show=False, id="recovery-codes.up",
                tooltip="The codes above those in sight"),
        Binding("escape", "remind", "Close", show=False, id="recovery-codes.remind"),
    ]  # fmt: skip

    def __init__(self, codes: list[str], user: str) -> None:
        super().__init__()
        self._codes = codes
        self._user = user
        self._read_to = 0  # the line below the last that was on the screen
        self._scrolls = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="recovery-codes"):
            yield Static(f"Recovery codes of {plain(self._user)}", classes="dialog-title", markup=False)
            text = (
                "Each signs you in once without the authenticator.\n"
                "Shown this once: write them down, then Enter goes on."
            )
            yield Static(text, classes="dialog-text", markup=False)
            with VerticalScroll(classes="dialog-body", can_focus=False):
                yield Static("\n".join(self._codes), id="codes", markup=False)
            yield Refusal()
            yield Button(WRITTEN, id="written", classes="primary")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#written"))
        self.watch(self.query_one(".dialog-body"), "scroll_y", self._seen, init=False)

    def on_resize(self) -> None:
        """On a low screen the codes stand in two columns; those that find no room are scrolled."""
        low = self.size.height < ROOM_FOR_A_COLUMN
        self.query_one("#recovery-codes").set_class(low, "-low")
        self._read_to = 0
        self.query_one("#codes", Static).update("\n".join(code_lines(self._codes, columns=2 if low else 1)))
        self.query_one(".dialog-body").styles.max_height = max(self.size.height - CODES_FRAME, 2)
        self.call_after_refresh(self._seen)

    def _seen(self) -> None:
        """Note how far the codes were on the screen, and say where more follow."""
        body = self.query_one(".dialog-body")
        if body.size.height == 0:
            return
        if body.scroll_offset.y <= self._read_to:  # nothing was passed over
            self._read_to = max(self._read_to, body.scroll_offset.y + body.size.height)
        self._scrolls = body.max_scroll_y > 0
        for keys in self.query(DialogKeys):
            keys.tell()
        refusal = self.query_one(Refusal)
        if not self._all_seen:
            refusal.say(MORE_CODES)
        elif refusal.said in (MORE_CODES, READ_ON):
            refusal.say("")

    @property
    def _all_seen(self) -> bool:
        return 0 < self.query_one("#codes").size.height <= self._read_to

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is something to scroll only where the codes are higher than their room."""
        return not action.startswith("scroll_codes") or self._scrolls

    def action_scroll_codes(self, pages: int) -> None:
        body = self.query_one(".dialog-body")
        body.scroll_relative(y=pages * body.size.height, animate=False)

    def on_button_pressed(self) -> None:
        if self._all_seen:
            self.dismiss(None)
        else:
            self.query_one(Refusal).say(READ_ON, bad=True)

    def action_remind(self) -> None:
        self.query_one(Refusal).say("Write them down first; then Enter closes this.", bad=True)


def code_lines(codes: list[str], *, columns: int) -> list[str]:
    """The codes in so many columns, to be read down each."""
    rows = -(-len(codes) // columns)
    return ["  ".join(codes[row::rows]) for row in range(rows)]


def secret_words(secret: str, *, drawn: bool) -> str:
    """The secret in groups of four, to be typed into an authenticator."""
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    how = "Scan the QR code with an authenticator app, or type this secret into it:" if drawn else TYPE_IT
    return f"{how}\n{groups}"
