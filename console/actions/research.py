"""What may be asked of the research projection, and its rebuilding, which is the program's own.

A question reaches nothing but the projection; an answer is returned when its outcome is on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from console.actions.gate import Gate
from console.actions.permissions import PermissionDenied
from security.database import Database
from security.disclosure import Caller
from security.policy.model import Action, Decision
from security.records.admission import Admission
from security.records.core import Core
from security.records.research.projection import Projection, Rebuilt, built, rebuild
from security.records.research.query import Answer, Question, Research

QUERY = "query_research"


class ResearchActions:
    """Research for whoever sits at `gate`. Safe between threads.

    Each method raises PermissionDenied, AuditUnavailable, SecurityError and OSError.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        database: Callable[[], Database],
        core: Callable[[], Core],
        service: Caller,
        random_bytes: Callable[[int], bytes],
        prepare: Callable[[], None],
    ) -> None:
        self._gate = gate
        self._database = database
        self._core = core
        self._service = service
        self._random_bytes = random_bytes
        self._prepare = prepare

    def query(self, question: Question) -> Answer:
        """The answer to a question about a domain. Raises QuestionRefused."""
        with self._told(question.domain), self._gate.use(QUERY, _resource(question.domain)) as grant:
            answer = Research(self._database()).ask(question, permitted={question.domain})
            grant.count(len(answer.rows))
        return answer

    def domains(self) -> list[str]:
        """The domains that may be asked about and have enough patients. Raises PermissionDenied if none may be."""
        found = Research(self._database()).domains()
        if not found:
            self._require_role()
        known = found or sorted(Admission(self._core()).domains())
        permitted = [domain for domain in known if self._gate.would_allow(QUERY, _resource(domain)).allowed]
        for domain in permitted or known[:1]:
            self._gate.require(QUERY, _resource(domain))
        return [domain for domain in permitted if domain in found]

    def _require_role(self) -> None:
        """Return if the session's role may ask about some domain, be there one or not. Raises PermissionDenied."""
        session = self._gate.seat.session()
        account = None if session is None else self._gate.access.facts.account(session.user)
        if account is None or account.role.value not in self._gate.roles_for(QUERY):
            raise self._gate.refusal(QUERY, Decision(False, (), (), {}))

    @contextmanager
    def _told(self, domain: str) -> Iterator[None]:
        """Within it, the refusal of a domain that there is not names those that the session may ask about."""
        try:
            yield
        except PermissionDenied as error:
            if error.decision is None or not error.decision.errors:
                raise
            found = Research(self._database()).domains()
            decisions = {one: self._gate.would_allow(QUERY, _resource(one)) for one in found}
            own = [one for one, decision in decisions.items() if decision.allowed]
            if not own and found:  # as any other domain is refused
                raise self._gate.refusal(QUERY, decisions[found[0]]) from error
            expected = ", ".join(own) or "one that `lakewarden research rebuild` builds from the records"
            raise PermissionDenied(f"expected a research domain: {expected}; found {domain}", error.decision) from error

    def built(self) -> Projection | None:
        """When the projection was built, and of how many; None before the first. Permitted as `domains`."""
        self.domains()
        return built(self._database())

    def rebuild(self, *, exchanging: Callable[[], None] = lambda: None) -> Rebuilt:
        """Build the projection anew from the records, as the service; `exchanging` is called when the old one goes.

        Raises SealBroken; the old one then stays.
        """
        self._prepare()
        core, access = self._core(), self._gate.access
        with ExitStack() as uses:
            for domain in sorted(Admission(core).domains()):
                uses.enter_context(access.use(self._service, Action.REBUILD_PROJECTION, _resource(domain)))
            return rebuild(core, self._database(), random_bytes=self._random_bytes, exchanging=exchanging)


def _resource(domain: str) -> str:
    return f"dataset:{domain}"
