"""The walk through the enrolment of a production workspace's first officer; it can be repeated until it is done."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import ExitStack

from console.cli.enrolment import enrol, print_recovery_codes
from console.cli.exits import Exit
from console.cli.logs import set_up_logging, wants_colour
from console.cli.output import say
from console.cli.session import ask_line, require_session_kept, security_of
from console.cli.sign_in import say_signed_in
from console.cli.signals import unbroken
from console.settings import Settings
from console.wiring.key_folder import key_ring
from console.wiring.security import Security
from console.wiring.security_actions import sign_in_actions
from security.identity.first_officer import FirstOfficer
from security.identity.keys import PURPOSE as IDENTITY_KEYS


def enrol_first_officer(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Add the officer, or go on with one who was added and never enrolled, and sign them in; nothing once one is.

    Without somebody to ask, it says how it is done. Raises AccountRefused, PasswordRefused, SignInRefused, UsageError,
    PermissionDenied, AuditError, OSError, and StoreError where the accounts that there were are lost.
    """
    set_up_logging(
        level=settings.logging.level,
        log_file=settings.log_file,
        to_stderr=True,
        verbose=arguments.verbose,
        colour=wants_colour(sys.stderr, environ),
    )
    can_ask = arguments.stdin or sys.stdin.isatty()
    with ExitStack() as arguments.at_end:
        if can_ask or settings.identity_db.exists() or key_ring(settings, IDENTITY_KEYS).ids():
            security = security_of(arguments, settings, environ)
            if enrolled := FirstOfficer(security.identity).enrolled():
                say(f"an officer is enrolled already ({', '.join(enrolled)}), who adds others: `lakewarden users add`")
                return Exit.DONE
        if not can_ask:
            say("next: `lakewarden init --production` from a terminal, or with --stdin, enrols the first officer")
            return Exit.DONE
        require_session_kept(settings, environ)
        _enrol(arguments, environ, security)
    return Exit.DONE


def _enrol(arguments: Namespace, environ: Mapping[str, str], security: Security) -> None:
    first = FirstOfficer(security.identity)
    officer = unbroken(lambda: first.begin(arguments.officer, now=security.now()))
    say(f"enrolling the first officer, {officer.user}: a password, then an authenticator; if interrupted, repeat it")
    actions = sign_in_actions(security)
    password = ask_line(arguments, "password: ", secret=True) if officer.has_password else officer.code
    challenge = actions.begin(officer.user, password)
    who, codes = enrol(arguments, environ, actions, challenge, code=officer.code)
    print_recovery_codes(codes)
    say_signed_in(who)
    say("next: `lakewarden users add NAME --role operator` prints a code with which that person signs in")
    say("they set the key: `lakewarden secrets set openweather_api_key` (cron can have OPENWEATHER_API_KEY instead)")
