"""Builds the secret store of a workspace; a workspace without secrets never loads the cryptography."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.settings import Settings

if TYPE_CHECKING:
    from security.vault.secrets import SecretStore


def read_secret(settings: Settings, name: str) -> str | None:
    """The secret of that name, or None. Raises a `VaultError`."""
    return secret_store(settings).get(name) if settings.secrets_file.exists() else None


def secret_store(settings: Settings) -> SecretStore:
    """The secret store; its key is made when the first secret is."""
    from console.wiring.key_folder import key_ring
    from etl.files import write_whole
    from security.vault.secrets import SecretStore

    return SecretStore(settings.secrets_file, key_ring(settings), write_whole)
