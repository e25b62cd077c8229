"""One-time passwords by counter (HOTP, RFC 4226) and by time (TOTP, RFC 6238): pure functions over HMAC.

A code counts once: whoever accepts one stores its step, and from then on only later steps are accepted, so a clock that
goes back accepts no used code again.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
DRIFT_STEPS = 1  # a code of the step before or after is accepted as well: clocks differ, and typing takes time
SECRET_BYTES = 20  # RFC 4226 §4 R6 recommends 160 bits
ISSUER = "Lakewarden"
NEVER = -1  # the last accepted step of an authenticator that was not used yet
_LONGEST_WITH_ISSUER = 22  # characters of a user name: with the issuer twice, a longer one needs a larger QR code


def hotp(secret: bytes, counter: int, *, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """The code of `counter` (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), algorithm)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def step_at(now: datetime) -> int:
    """The time step of an aware instant (RFC 6238 §4.2)."""
    return int(now.timestamp()) // STEP_S


def totp(secret: bytes, now: datetime, *, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """The code at `now`."""
    return hotp(secret, step_at(now), digits=digits, algorithm=algorithm)


def accepted_step(secret: bytes, code: str, now: datetime, last_step: int) -> int | None:
    """The step above `last_step`, within the drift around `now`, whose code this is; None if there is none."""
    if not is_code(code):
        return None
    current = step_at(now)
    found = None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if step >= 0 and hmac.compare_digest(hotp(secret, step), code) and step > last_step:
            found = step
    return found


def is_code(text: str) -> bool:
    """Whether `text` has the form of a code."""
    return len(text) == DIGITS and text.isascii() and text.isdigit()


def secret_text(secret: bytes) -> str:
    """The secret in base 32 (RFC 4648, without padding), as authenticators take it typed."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def otpauth_uri(user: str, secret: bytes) -> str:
    """What an authenticator reads from the QR code. All else is the default: SHA-1, 6 digits, 30 seconds."""
    label = f"{quote(ISSUER)}:{quote(user, safe='')}"
    issuer = f"&issuer={quote(ISSUER)}" if len(user) <= _LONGEST_WITH_ISSUER else ""
    return f"otpauth://totp/{label}?secret={secret_text(secret)}{issuer}"
