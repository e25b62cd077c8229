"""The sign-in: password, then the second factor, and where an account has none yet, its enrolment.

One form at a time stands on the screen. A practice workspace shows its accounts with their codes below it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.shell import Shell
from console.tui.sign_in.forms import CodeForm, EnrolmentCodeForm, Form, PasswordForm, RecoveryForm
from console.tui.sign_in.practice_codes import TITLE, PracticeCodes
from console.tui.widgets.bars import Header, KeyHints
from console.tui.widgets.line_table import LineTable

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import SignInActions, Who
    from console.tui.office import SecurityOffice
    from security.identity.challenges import Challenge
    from security.identity.enrolment import Proposal
    from security.identity.practice import PracticeAccount


class SignInScreen(Screen[None]):
    """`told` says why it is shown; `first` where there is nothing behind it; `entered` is called with who signed in."""

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="sign-in.back", tooltip="One step back; from the first, leave"),
        Binding("ctrl+r", "recover", "Recovery code", id="sign-in.recover", tooltip="Sign in with a recovery code"),
        Binding("ctrl+e", "mail", "Code by mail", id="sign-in.mail", tooltip="Have a code sent to your address",
                priority=True),  # a field would take it
        Binding("down", "accounts", "Practice accounts", show=False, id="sign-in.accounts",
                tooltip="The practice accounts; once something is typed, the field below"),
        Binding("down", "next", "Next field", show=False, id="sign-in.next", tooltip="The field below"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="sign-in.previous"),
    ]  # fmt: skip

    def __init__(self, shell: Shell, *, entered: Callable[[Who], None], told: str = "", first: bool = False) -> None:
        super().__init__()
        self._shell = shell
        self._entered = entered
        self._told = told
        self._first = first
        self._challenge: Challenge | None = None
        self._from_practice: PracticeAccount | None = None
        self._asked = False
        self.form: Form = PasswordForm()

    def compose(self) -> ComposeResult:
        shell = self._shell
        yield Header(practice=shell.practice, tabs=() if self._first else shell.tabs, here="", place=shell.place)
        with Vertical(id="sign-in"):
            yield Static(self._told, id="told", markup=False)
            yield Vertical(self.form, id="form")
        if shell.practice:
            yield Static(TITLE, id="practice-title", markup=False)
            yield PracticeCodes()
        yield KeyHints()

    def on_mount(self) -> None:
        self.query_one("#told").display = bool(self._told)
        self.form.focus_first()  # at once: the next key is meant for it
        self.call_after_refresh(self._shell.start)
        if self._shell.practice:
            self.call_after_refresh(self._read_codes)
            self.set_interval(1.0, self._second)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- the forms --------------------------------------------------------------------------------------------------

    def _show(self, form: Form) -> None:
        self.form = form
        holder = self.query_one("#form")
        holder.remove_children()
        holder.mount(form)
        self._asked = False
        self.call_after_refresh(self._focus_form, form)

    def _focus_form(self, form: Form) -> None:
        if form is self.form and form.is_attached:
            form.focus_first()
        self._hint()

    def on_form_given(self, event: Form.Given) -> None:
        """A form was filled in."""
        if self._asked:
            return
        form, texts = event.form, event.texts
        if isinstance(form, PasswordForm):
            self._begin(texts["user"], texts["password"])
        elif isinstance(form, RecoveryForm):
            self._sign_in(lambda office: office.sign_in.recover(texts["user"], texts["password"], texts["code"]))
        elif isinstance(form, EnrolmentCodeForm):
            self._propose(texts["code"])
        elif isinstance(form, CodeForm):
            self._answer(texts["code"])

    def _begin(self, user: str, password: str) -> None:
        self._ask(lambda office: office.sign_in.begin(user, password), self._challenged)

    def _challenged(self, challenge: Challenge) -> None:
        from security.identity.challenges import Next

        self._challenge = challenge
        self._asked = False
        if challenge.next is Next.CODE:
            chosen, self._from_practice = self._from_practice, None
            if chosen is not None and chosen.code is not None:
                self._answer(chosen.code)
            else:
                self._show(CodeForm(challenge.user, can_mail=challenge.can_mail))
        elif challenge.next is Next.ENROLMENT_CODE:
            self._show(EnrolmentCodeForm(challenge.user))
        else:
            self._propose(None)

    def _answer(self, code: str) -> None:
        challenge = self._challenge
        assert challenge is not None
        self._sign_in(lambda office: office.sign_in.answer(challenge, code))

    def _propose(self, enrolment_code: str | None) -> None:
        challenge = self._challenge
        assert challenge is not None
        self._ask(lambda office: office.sign_in.propose(challenge, enrolment_code), self._enrol)

    def _enrol(self, proposal: Proposal) -> None:
        from console.tui.sign_in.enrolment import EnrolmentScreen

        challenge = self._challenge
        assert challenge is not None
        self._asked = False

        def enrolled(who: Who | None) -> None:
            if who is None:
                self._show(PasswordForm())
            else:
                self._in(who)

        def finish(actions: SignInActions, code: str, password: str | None) -> tuple[Who, list[str]]:
            return actions.finish(challenge, code, password)

        self.app.push_screen(EnrolmentScreen(self._shell, proposal, finish), enrolled)

    def _in(self, who: Who) -> None:
        self._challenge = self._from_practice = None
        self._entered(who)

    # ---- asking -----------------------------------------------------------------------------------------------------

    def _ask(self, work: Callable[[SecurityOffice], object], then: Callable[..., None]) -> None:
        if self._asked:
            return
        self._asked = True
        self.form.say("Checking")
        off_loop(self, lambda: work(self._shell.open_office()), then, self._refused)

    def _sign_in(self, work: Callable[[SecurityOffice], Who]) -> None:
        """The last step. The application takes the answer, so that a session is never begun behind its back."""
        if self._asked:
            return
        self._asked = True
        self.form.say("Checking")
        off_loop(self.app, lambda: work(self._shell.open_office()), self._in, self._refused)

    def _refused(self, error: Exception) -> None:
        if not self.is_attached:
            return
        self._asked = False
        self._from_practice = None
        self.form.refuse(error)
        if self._shell.practice:
            self._read_codes()

    # ---- keys -------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what this form offers."""
        return action not in self._idle_keys()

    def _idle_keys(self) -> set[str]:
        form = self.form
        idle = set()
        if self._first and isinstance(form, PasswordForm):
            idle.add("back")
        if not isinstance(form, PasswordForm):
            idle.add("recover")
        if not (isinstance(form, CodeForm) and form.can_mail):
            idle.add("mail")
        idle.add("next" if self._leads_to_accounts else "accounts")
        return idle

    def action_back(self) -> None:
        if self._asked:
            return
        if isinstance(self.form, PasswordForm):
            self.app.pop_screen()
        else:
            self._challenge = self._from_practice = None
            self._show(PasswordForm())

    def action_recover(self) -> None:
        if isinstance(self.form, PasswordForm):
            self._show(RecoveryForm(self.form.texts()["user"]))

    def action_mail(self) -> None:
        challenge = self._challenge
        if challenge is None:
            return

        def sent(address: str) -> None:
            self._asked = False
            self.form.say(f"A code is on its way to {address}; its message is marked {challenge.label}.")

        self._ask(lambda office: office.sign_in.mail_code(challenge), sent)

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        self._hint()

    def _hint(self) -> None:
        """Of what has the focus now: where it moved twice at once, these events do not come in order."""
        focused = self.focused
        idle = self._idle_keys()
        own = [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show and b.action not in idle]
        if isinstance(focused, PracticeCodes):
            first = [b for b in PracticeCodes.BINDINGS if isinstance(b, Binding)]
        else:
            first = [Binding("enter", "submit", "Go on")]
            if self._leads_to_accounts:
                first.append(Binding("down", "accounts", "Accounts"))
            elif self._shell.practice:
                first.append(Binding("tab", "app.focus_next", "Next"))
        self.query_one(KeyHints).show([*first, *own], typing=not isinstance(focused, PracticeCodes))

    @property
    def _leads_to_accounts(self) -> bool:
        """Whether the line that is marked in the list of practice accounts is what Down is for: nothing is typed."""
        if not self._shell.practice or not isinstance(self.form, PasswordForm) or any(self.form.texts().values()):
            return False
        return any(codes.account is not None for codes in self.query(PracticeCodes))

    def action_accounts(self) -> None:
        self.set_focus(self.query_one(PracticeCodes))

    def action_next(self) -> None:
        self.focus_next()

    def on_input_changed(self) -> None:
        """Down leads elsewhere once something is typed."""
        self._hint()

    def action_submit(self) -> None:
        self.form.give()

    # ---- the practice accounts --------------------------------------------------------------------------------------

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        """Sign in as the account that was chosen, as if its password and its code had been typed."""
        chosen = event.table.account if isinstance(event.table, PracticeCodes) else None
        if chosen is None or self._asked:
            return
        self._show(PasswordForm(chosen.account.user, chosen.password or ""))
        if chosen.password is None:
            return
        self._from_practice = chosen
        user, password = chosen.account.user, chosen.password
        self.call_after_refresh(self._begin, user, password)

    def _read_codes(self) -> None:
        codes = self.query_one(PracticeCodes)

        def read() -> list[PracticeAccount]:
            practice = self._shell.open_office().practice
            if practice is None:
                return []
            if not practice.is_prepared():
                post(self, Delivered(codes.say, "making the practice accounts, once: about 2 s"))
            return practice.accounts()

        off_loop(
            self,
            read,
            lambda accounts: self._show_codes(codes, accounts),
            lambda error: codes.say(f"the practice accounts cannot be shown: {error}"),
        )

    def _show_codes(self, codes: PracticeCodes, accounts: list[PracticeAccount]) -> None:
        codes.show(accounts, self._shell.now())
        self._hint()

    def _second(self) -> None:
        """Codes change with the clock's half minutes, and those that were used once the next is good."""
        if not self.is_current:
            return
        codes = self.query_one(PracticeCodes)
        codes.count(self._shell.now())
        if codes.stale:
            self._read_codes()
