"""`lakewarden research`: aggregates of the research projection, which no SQL reaches, and its rebuilding."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.cli.exits import Exit
from console.cli.output import print_json, print_table, say
from console.cli.session import security_of
from console.cli.signals import unbroken_from
from console.settings import Settings
from console.wiring import security_actions
from etl.models import rfc3339
from security.records.research.query import Answer, Question


def query(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Answer one question. Raises QuestionRefused, PermissionDenied, SecurityError."""
    question = Question.parse(arguments.domain, arguments.by, arguments.measure, arguments.where or ())
    answer = security_actions.research(security_of(arguments, settings, environ)).query(question)
    if arguments.json:
        print_json(
            {"columns": list(answer.columns), "rows": [list(row) for row in answer.rows], "complete": answer.complete,
             "built_at": rfc3339(answer.built_at), "smallest_group": answer.smallest_group}
        )  # fmt: skip
        return Exit.DONE
    if answer.rows:
        print_table(answer.columns, [[str(value) for value in row] for row in answer.rows])
    say(f"{_told(question, answer)}; as of {rfc3339(answer.built_at)}")
    return Exit.DONE


def _told(question: Question, answer: Answer) -> str:
    """What the answer leaves out. An empty one says no more than that: whether somebody is hidden must not show."""
    least = answer.smallest_group
    if answer.complete:
        return f"all groups are shown, each of at least {least} patients"
    if not answer.rows and question.where:
        wanted = " and ".join(f"{column} = {value}" for column, value in question.where)
        return (
            f"no group of {question.domain} has {wanted}, or it is hidden: under {least} patients, or one from which "
            "such a group could be computed"
        )
    return f"some groups may be hidden: those under {least} patients, and as many more as keep them from being computed"


def domains(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """List the domains that may be asked about. Raises PermissionDenied, SecurityError."""
    actions = security_actions.research(security_of(arguments, settings, environ))
    found, projection = actions.domains(), actions.built()
    if arguments.json:
        print_json({"domains": found, "built_at": None if projection is None else rfc3339(projection.built_at)})
        return Exit.DONE
    for domain in found:
        print(domain)
    if not found:
        say("there is no domain to ask about; `lakewarden research rebuild` builds what may be asked from the records")
    return Exit.DONE


def rebuild(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Exit:
    """Build the projection anew, as the service; a signal ends it until the old one goes.

    Raises SecurityError, OSError, EndedBySignal.
    """
    actions = security_actions.research(security_of(arguments, settings, environ))
    done = unbroken_from(lambda hold: actions.rebuild(exchanging=hold))
    built = done.projection
    if arguments.json:
        print_json({"built_at": rfc3339(built.built_at), "subjects": built.subjects, "log_emptied": done.log_emptied})
    else:
        print(f"{built.subjects:,} subject{'' if built.subjects == 1 else 's'}, as of {rfc3339(built.built_at)}")
    if not done.log_emptied:
        say("a reader kept rows of before in the write-ahead log; they go with the next rebuild")
    return Exit.DONE
