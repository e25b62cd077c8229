"""What the decision explorer answers: the decision, the policies behind it, the columns, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.tui.access.paragraphs import BLANK, Paragraph, words
from console.tui.sign_in.words import role_name
from console.tui.theme import Glyphs
from etl.models import TaskState
from security.policy.model import Decision, Visibility, WhyNot
from security.policy.rules import Rule

_COLUMN_TONES = {Visibility.CLEAR: "good", Visibility.MASKED: "wait", Visibility.DENIED: "bad"}
_FACTORS = {"totp": "authenticator's code", "email": "code by e-mail", "none": "password alone"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The question as it was asked. `site` is that of its place, None where the place is not known."""

    values: Mapping[str, str]
    at: datetime
    is_now: bool
    account: str  # what the account is: its role and attributes
    site: str | None


def answer_lines(
    asked: Asked, decision: Decision, rules: Sequence[Rule], signs: Glyphs, *, high: bool
) -> list[Paragraph]:
    """The whole answer; `high` where there is room for a large heading."""
    says = {rule.id: rule for rule in rules}
    return [
        *_heading(decision, signs, high=high),
        *_sentence(asked, decision),
        *_errors(decision),
        *_determining(decision, says),
        *_why_not(decision, signs),
        *_columns(decision),
    ]


def _heading(decision: Decision, signs: Glyphs, *, high: bool) -> list[Paragraph]:
    band = "allow" if decision.allowed else "deny"
    sign = signs.task[TaskState.SUCCESS if decision.allowed else TaskState.FAILED]
    empty = [Paragraph((), band=band)] if high else []
    letters = " ".join(band.upper()) if high else band.upper()
    return [*empty, Paragraph(((f"  {sign}  {letters}", "strong"),), band=band), *empty]


def _sentence(asked: Asked, decision: Decision) -> list[Paragraph]:
    values = asked.values
    account = f" ({asked.account})" if asked.account else ""
    verb = "may" if decision.allowed else "may not"
    local = asked.at.astimezone()
    at = f"now, {local:%a %Y-%m-%d %H:%M:%S %Z}" if asked.is_now else f"{local:%a %Y-%m-%d %H:%M %Z}"
    place = asked.site or "no known network"
    reason = "with a reason" if values["reason"].strip() else "no reason given"
    factor = _FACTORS.get(values["mfa"], values["mfa"])
    age = "" if values["mfa"] == "none" else f" {values['mfa_age_s'].strip() or 0} s old"
    return [
        words(f"{values['user']}{account} {verb} {values['action']} {values['resource']}", "strong"),
        words(f"{at}; from {values['ip']} ({place}); {factor}{age}; {reason}", "muted"),
        BLANK,
    ]


def _errors(decision: Decision) -> list[Paragraph]:
    if not decision.errors:
        return []
    told = [words(error, "text", indent=2) for error in decision.errors]
    return [words("This cannot be decided, and so is denied", "bad-strong"), *told, BLANK]


def _determining(decision: Decision, says: Mapping[str, Rule]) -> list[Paragraph]:
    if not decision.determining:
        if decision.allowed or decision.errors:
            return []
        return [words("No policy permits it; what no policy permits is denied.", "bad-strong"), BLANK]
    verb = "Permitted by" if decision.allowed else "Forbidden by"
    found = [words(verb, "title")]
    for name in decision.determining:
        found.append(words(name, "accent", indent=1, target=name))
        if name in says:
            found.append(words(says[name].says, indent=3))
    if decision.obligations:
        found.append(words(f"Obliges to: {', '.join(sorted(decision.obligations))}", "wait", indent=1, hang=3))
    return [*found, BLANK]


def _columns(decision: Decision) -> list[Paragraph]:
    """The columns by what is shown of them; a denial has them all denied."""
    if not decision.columns:
        return []
    found = [words("Columns", "title")]
    for visibility in Visibility:
        names = [name for name, shown in decision.columns.items() if shown is visibility]
        if names:
            lead = f" {visibility.value:<7}"
            found.append(Paragraph(((lead, _COLUMN_TONES[visibility]), (" " + " ".join(names), "text")), hang=9))
    return [*found, BLANK]


def _why_not(decision: Decision, signs: Glyphs) -> list[Paragraph]:
    """Policy by policy: those for this role with every clause that failed, then those for others."""
    own = [why for why in decision.why_not if why.failed]
    others = [why for why in decision.why_not if not why.failed]
    found: list[Paragraph] = []
    if own:
        found.append(words("Why not", "title"))
        for why in own:
            found += _own(why, signs)
        found.append(BLANK)
    if others:
        found.append(words("Policies for others" if own else "Why not: the policies are for others", "title"))
        for why in others:
            found.append(words(why.policy, "accent", indent=1, target=why.policy))
            found.append(words(role_name(why.because), "muted", indent=3))
        found.append(BLANK)
    return found


def _own(why: WhyNot, signs: Glyphs) -> list[Paragraph]:
    told = why.because.split("; ")
    clauses = told if len(told) == len(why.failed) else [why.because]
    cross = signs.task[TaskState.FAILED]
    return [
        words(why.policy, "accent", indent=1, target=why.policy),
        *(Paragraph(((f"{cross} ", "bad"), (words(text).parts[0])), 3, 5) for text in clauses),
        *([words(f"To change it: {'; and '.join(why.change)}", "wait", indent=3, hang=5)] if why.change else []),
    ]
