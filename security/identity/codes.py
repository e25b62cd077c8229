"""One-time codes that are looked up: recovery and enrolment codes of 120 random bits, kept as hashes only.

By NIST SP 800-63B-4 §3.1.2.2 a code of at least 112 bits needs no slow hash: it cannot be found by trying. So trying
one gives an attacker nothing, and it stays usable where shorter codes are delayed (see throttle.py).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

CODE_BYTES = 15  # 120 bits, 24 characters
_GROUP = 6
_RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without the letters that are mistaken for others
_SPELLED = str.maketrans(_RFC_4648, _CROCKFORD)
_READ = str.maketrans("OIL", "011", "- ")
_LONGEST_TYPED = 64


def new_code(random_bytes: Callable[[int], bytes]) -> str:
    """A new code, such as `7ZK3MQ-0PX5RT-9W2HCD-4FGJVA`."""
    text = base64.b32encode(random_bytes(CODE_BYTES)).decode("ascii").translate(_SPELLED)
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def read_code(typed: str) -> str | None:
    """The code that was typed, however grouped or cased; None if it has not the form of one."""
    if len(typed) > _LONGEST_TYPED:
        return None
    code = typed.strip().upper().translate(_READ)
    return code if len(code) == CODE_BYTES * 8 // 5 and all(letter in _CROCKFORD for letter in code) else None


def code_hash(use: str, user: str, code: str) -> bytes:
    """What is stored of a code that `read_code` gave, bound to its use (`recovery`, `enrolment`) and its account."""
    return hashlib.sha256(f"lakewarden-{use}\0{user}\0{code}".encode()).digest()
