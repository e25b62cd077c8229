"""The forms of the sign-in, each with its fields, what is told about them, and what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from console.tui.sign_in.fields import MOST_CODE, MOST_PASSWORD, MOST_USER, FieldLine, field
from console.tui.sign_in.refusal import RECOVERY, Refusal
from console.tui.text import plain


class Form(Vertical):
    """Fields under a title. Enter goes to the next empty field, and gives the form once all are filled."""

    DEFAULT_CSS = """
    Form { height: auto; }
    Form .form-title { color: $lw-accent; text-style: bold; margin-bottom: 1; height: auto; }
    """
    TITLE = ""

    class Given(Message):
        """The form is filled in."""

        def __init__(self, form: Form, texts: Mapping[str, str]) -> None:
            super().__init__()
            self.form = form
            self.texts = texts

    def __init__(self, title: str, fields: Sequence[tuple[str, Input]], *, advice: str = "") -> None:
        super().__init__()
        self._title = title
        self._fields = fields
        self._refusal = Refusal(advice=advice)

    def compose(self) -> ComposeResult:
        yield Static(plain(self._title), classes="form-title", markup=False)
        for title, made in self._fields:
            yield FieldLine(title, made)
        yield self._refusal

    def texts(self) -> dict[str, str]:
        """What was typed, by the names of the fields; passwords to the letter."""
        return {
            made.id or "": made.value if made.id == "password" else made.value.strip() for _title, made in self._fields
        }

    def focus_first(self) -> None:
        """To the first field that is empty."""
        empty = [made for _title, made in self._fields if not made.value]
        self.screen.set_focus((empty or [self._fields[-1][1]])[0])  # at once: the next key is meant for it

    def give(self) -> None:
        """Hand over what was typed, or go to what is missing."""
        texts = self.texts()
        if all(texts.values()):
            self.post_message(self.Given(self, texts))
        else:
            self.focus_first()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.give()

    def say(self, text: str) -> None:
        """Tell how it goes."""
        self._refusal.say(text)

    def refuse(self, error: Exception) -> None:
        """Tell why not, and let what was secret be typed again; where the focus was moved meanwhile, it stays."""
        self._refusal.show(error)
        secret = [made for _title, made in self._fields if made.id != "user"]
        for made in secret:
            made.value = ""
        if self.screen.focused is None or self.screen.focused in secret:
            self.focus_first()


class PasswordForm(Form):
    """Who, and the password; for an account that was never used, its enrolment code in the password's place."""

    def __init__(self, user: str = "", password: str = "") -> None:
        who = field("user", "such as operator", most=MOST_USER)
        secret = field("password", "or the enrolment code of a new account", most=MOST_PASSWORD, secret=True)
        who.value, secret.value = user, password
        super().__init__("Sign in", [("User", who), ("Password", secret)], advice=RECOVERY)


class CodeForm(Form):
    """The second factor."""

    def __init__(self, user: str, *, can_mail: bool) -> None:
        self.can_mail = can_mail
        code = field("code", "6 digits, or a recovery code", most=MOST_CODE)
        super().__init__(f"Sign in as {user}: the code of your authenticator", [("Code", code)])


class RecoveryForm(Form):
    """Password and recovery code at once, which works however many failures were counted."""

    def __init__(self, user: str = "") -> None:
        who = field("user", most=MOST_USER)
        secret = field("password", most=MOST_PASSWORD, secret=True)
        code = field("code", "one of the ten you keep", most=MOST_CODE, secret=True)
        who.value = user
        fields = [("User", who), ("Password", secret), ("Recovery code", code)]
        super().__init__("Sign in with a recovery code; it is used up", fields)


class EnrolmentCodeForm(Form):
    """The factor was reset: the code that the officer gave, then a new authenticator."""

    def __init__(self, user: str) -> None:
        code = field("code", "from your officer", most=MOST_CODE, secret=True)
        super().__init__(f"The authenticator of {user} was reset: your enrolment code", [("Enrolment code", code)])
