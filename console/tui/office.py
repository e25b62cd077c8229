"""What the console's screens may ask of the security core: the actions, and the gate that decides for the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.audit import AuditActions
    from console.actions.decisions import Decisions
    from console.actions.gate import Gate
    from console.actions.practice import PracticeActions
    from console.actions.records import Records
    from console.actions.research import ResearchActions
    from console.actions.sign_in import SignInActions
    from console.actions.users import Users
    from console.actions.vault import VaultActions


@dataclass(frozen=True, slots=True)
class SecurityOffice:
    """The actions for whoever sits at this terminal. `practice` is None in a production workspace."""

    sign_in: SignInActions
    users: Users
    practice: PracticeActions | None
    decisions: Decisions
    audit: AuditActions
    records: Records
    research: ResearchActions
    vault: VaultActions
    gate: Gate
