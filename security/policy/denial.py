"""A denial as a whole: what is lacking, and what would change it, over all policies for the role that asked.

1. What forbids it is told alone: before that is lifted nothing is permitted, whatever else holds.
2. Else each policy that permits is a way of its own, of which all clauses must hold. A way that lacks whatever another
   lacks, and more, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from security.policy.model import Decision, WhyNot

OR = " – or: "


def lacking(decision: Decision) -> str:
    """Every clause that failed, once: `a; b – or: c`; empty where no policy is for the role that asked."""
    ways = [list(dict.fromkeys(clause for why in way for clause in why.lacks)) for way in _ways(decision)]
    if len(ways) < 2:
        return "; ".join(clause for way in ways for clause in way)
    common = [clause for clause in ways[0] if all(clause in way for way in ways)]
    apart = OR.join("; ".join(clause for clause in way if clause not in common) for way in ways)
    return f"{'; '.join(common)}; and either {apart}" if common else apart


def remedies(decision: Decision) -> list[str]:
    """What would change it, a text for each way: all that it says must be done; none where nothing would."""
    ways = [way for way in _ways(decision) if all(why.change for why in way)]
    return list(dict.fromkeys("; ".join(dict.fromkeys(text for why in way for text in why.change)) for way in ways))


def _ways(decision: Decision) -> list[Sequence[WhyNot]]:
    """The ways to a permit, each as the policies whose failed clauses must hold on it."""
    own = [why for why in decision.why_not if why.failed]
    if forbids := [why for why in own if why.policy in decision.determining]:  # 1.
        return [forbids]
    kept: list[WhyNot] = []
    for why in sorted(own, key=lambda one: len(one.failed)):  # 2.
        if not any(set(one.failed) <= set(why.failed) for one in kept):
            kept.append(why)
    return [[why] for why in own if why in kept]
