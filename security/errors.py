"""Everything that can go wrong in the security domain, as one tree.

SecurityError
└── VaultError                  keys and what is sealed with them
    ├── SealBroken              a sealed value was changed, or belongs to another key or place
    ├── KeyFileRefused          a key file, or its folder, is not as private as it must be
    ├── KeyUnknown              the key that sealed a value is not there
    ├── SecretRefused           a name or a value that cannot be a secret
    └── SecretStoreDamaged      the store's file is not one; it is never replaced

A message says what was expected, what arrived and what to do. None holds a key or a secret.
"""

from __future__ import annotations


class SecurityError(Exception):
    """Base of the tree."""


class VaultError(SecurityError):
    pass


class SealBroken(VaultError):
    pass


class KeyFileRefused(VaultError):
    pass


class KeyUnknown(VaultError):
    pass


class SecretRefused(VaultError):
    pass


class SecretStoreDamaged(VaultError):
    pass
