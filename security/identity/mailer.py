"""Sending mail through an SMTP server that is who it says it is: STARTTLS or nothing, certificate and name verified."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP

from security.errors import MailNotSent

TIMEOUT_S = 10.0
WANTS_SIGN_IN = 530  # RFC 4954 §6


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """The port Mailer over `smtplib`. Without a `username` it does not sign in to the server."""

    host: str
    port: int
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    timeout_s: float = TIMEOUT_S
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def send(self, *, to: str, subject: str, body: str) -> None:
        """Send a plain-text message. Raises MailNotSent, without what the server said: it may repeat credentials."""
        try:
            self._send(self._message(to, subject, body))
        except MailNotSent:
            raise
        except ssl.SSLCertVerificationError as error:
            raise self._failed(f"its certificate is not valid for that name ({error.verify_message})") from None
        except smtplib.SMTPAuthenticationError:
            raise self._failed("it refused the user name or the password; see [smtp] and `secrets set`") from None
        except smtplib.SMTPRecipientsRefused as error:
            if all(code == WANTS_SIGN_IN for code, _said in error.recipients.values()):
                raise self._failed(self._unsigned()) from None
            raise self._failed("it refused the recipient's address") from None
        except smtplib.SMTPResponseException as error:
            if error.smtp_code == WANTS_SIGN_IN:
                raise self._failed(self._unsigned()) from None
            raise self._failed(f"it answered {error.smtp_code}") from None
        except smtplib.SMTPException as error:
            raise self._failed(f"it does not speak as expected ({type(error).__name__})") from None
        except (OSError, ValueError) as error:
            raise self._failed(
                f"it cannot be reached, or the message cannot be sent ({type(error).__name__})"
            ) from None

    def _message(self, to: str, subject: str, body: str) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = self.sender, to, subject
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no replies by machines
        message.set_content(body)
        return message

    def _send(self, message: EmailMessage) -> None:
        server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)
        try:
            server.ehlo()
            if not server.has_extn("starttls"):
                raise self._failed("it does not offer STARTTLS, and nothing is sent in clear")
            server.starttls(context=self.context)
            server.ehlo()
            if self.username:
                server.login(self.username, self.password)
            server.send_message(message)
            with suppress(smtplib.SMTPException, OSError):  # it has accepted the message already
                server.quit()
        finally:
            server.close()

    def _unsigned(self) -> str:
        if self.username:
            return "it wants another sign-in than `[smtp] username` gives"
        return "it wants a sign-in: set `[smtp] username`, and `lakewarden secrets set smtp_password`"

    def _failed(self, why: str) -> MailNotSent:
        return MailNotSent(f"the mail was not sent through {self.host}:{self.port}: {why}")
