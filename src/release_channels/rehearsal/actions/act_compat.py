"""Adapt a workflow file to act: remove unsupported keys and report each one. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from release_channels.errors import RefusedError
from release_channels.model.workflow_semantics.file import Value, read_workflow, steps_of
from release_channels.rehearsal.actions.text_cuts import Cut, apply_cuts, cut_entry, replace_value
from release_channels.rehearsal.actions.workflow import STAND_IN_LABEL, Workflow

# Keys that GitHub knows and act 0.2.89 refuses, by the place where they stand. This is the one list of them.
UNKNOWN_TO_ACT = (("concurrency", "queue"), ("environment", "deployment"), ("permissions", "artifact-metadata"))
# Keys that act takes and does not obey; what stands in for some of them here is said in the documents.
IGNORED_BY_ACT = ("concurrency", "timeout-minutes")
STAND_IN = "stand-in"
STAND_IN_USES = "rehearsal/stand-in@v1"
"""The action by which those without a counterpart are replaced: act finds no other form of one on this machine."""
SECRETS = "REHEARSAL_SECRETS"
"""The one secret that act gets: a JSON object with the secrets of each job."""
SECRETS_OF_JOB = f"fromJSON(secrets.{SECRETS})[github.job]"
# `}}` inside a string of an expression does not end it.
_EXPRESSION = re.compile(r"\$\{\{(?:'(?:[^']|'')*'|[^'])*?\}\}", re.DOTALL)
_SECRETS = re.compile(r"'(?:[^']|'')*'|(?<![\w.-])(secrets)(?![\w-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Adapted copy of a workflow file, its replaced actions, and the parts that are not rehearsed."""

    text: str
    actions: Mapping[str, str]
    not_rehearsed: tuple[str, ...]


def clean(
    workflow: Workflow, mapped: Mapping[str, frozenset[str]], *, is_tests: bool = False, runs_tests: bool = False
) -> Cleaned:
    """Return the adapted copy; `mapped` has the inputs of each action with a local replacement.

    In the project's own tests an action without a counterpart only says that it is not rehearsed, and so does a job in
    a reusable workflow; so does what the jobs run, unless `runs_tests`.

    Raises: RefusedError for an action without a counterpart in any other workflow.
    """
    top = read_workflow(workflow.text, workflow.path)
    places = (top, *top["jobs"].table.values())
    removed = [*_removed(places)]
    cuts = [cut_entry(workflow.text, value) for _, value in removed]
    text = [f"{workflow.file}: {name}" for name, _ in removed]
    text += [f"{workflow.file}: {name}" for name in IGNORED_BY_ACT if any(name in place for place in places)]
    actions: dict[str, str] = {}
    for _, _, step in steps_of(top):
        uses = step["uses"].text
        name = _repository(uses)
        if name in mapped:
            actions[uses] = name
            text += [f"{workflow.file}: {key} of {name}" for key in step["with"].table if key not in mapped[name]]
        elif uses:
            actions[STAND_IN_USES] = _stand_in(workflow, uses, mapped, is_tests=is_tests)
            cuts.append(replace_value(step["uses"], STAND_IN_USES))
            text.append(f"{workflow.file}: {name}")
    if is_tests and not runs_tests:
        cuts += [*_stand_ins(top)]
        text.append(f"{workflow.file}: what its jobs run (--with-tests runs it)")
    for job in (job for job in top["jobs"].table.values() if job["uses"].text):
        cuts = [cut for cut in cuts if not job.start <= cut.start < job.end]
        cuts.append(replace_value(job, _stand_in_job(job)))
        text.append(f"{workflow.file}: {job['uses'].text}")
    return Cleaned(_scoped(apply_cuts(workflow.text, cuts)), actions, tuple(dict.fromkeys(text)))


def _removed(places: Sequence[Value]) -> Iterator[tuple[str, Value]]:
    for place in places:
        for above, name in UNKNOWN_TO_ACT:
            if name in place[above]:
                yield f"{above}.{name}", place[above][name]


def _scoped(text: str) -> str:
    """Replace the context `secrets`, which act has for a whole run, by that of the job; nothing else changes.

    A string of an expression stays as it is, and so does a name below another context.
    """
    return _EXPRESSION.sub(
        lambda expression: _SECRETS.sub(lambda found: SECRETS_OF_JOB if found[1] else found[0], expression[0]), text
    )


def _stand_in(workflow: Workflow, uses: str, mapped: Mapping[str, frozenset[str]], *, is_tests: bool) -> str:
    if is_tests:
        return STAND_IN
    raise RefusedError(
        f"{workflow.path} uses {uses}, which the rehearsal has no counterpart for",
        hint=f"it knows {', '.join(sorted(mapped))}; a release workflow needs no other",
    )


def _stand_in_job(job: Value) -> str:
    """Write a job that waits for the same ones under the same condition, and only says that it is not rehearsed."""
    kept = {"if": job["if"].text, "needs": list(job["needs"].texts)}
    played = {"runs-on": STAND_IN_LABEL, "steps": [{"run": 'echo "not rehearsed"'}]}
    return json.dumps({**{key: value for key, value in kept.items() if value}, **played})


def _repository(uses: str) -> str:
    return uses.partition("@")[0]


def _stand_ins(top: Value) -> Iterator[Cut]:
    for _, _, step in steps_of(top):
        if step["run"].text:
            yield replace_value(step["run"], "'echo \"not rehearsed\"'")


LEFT_OUT = "unset CI"
"""The line of bash by which nox leaves such a session out."""
_SKIPPED = re.compile(r"Session (.+?) skipped: Python interpreter (\S+) not found")
_RAN = re.compile(r"Session (.+?) was successful")
# A session's name without what nox adds to it: the Python, and the parameters.
_ADDED = re.compile(r"(-[\w.]*\d[\w.]*)?(\(.*\))?$")


def missing_pythons(said: str) -> Iterator[str]:
    """Yield the Pythons that nox skipped, from a run's output."""
    for session, python in _SKIPPED.findall(said):
        yield f"Python {python} (not on this machine), for the session {session}"


def left_out_whole(said: str) -> Iterator[str]:
    """Yield the sessions that nox skipped completely, although the run is green."""
    ran = {_bare(session) for session in _RAN.findall(said)}
    for session in dict.fromkeys(_bare(session) for session, _ in _SKIPPED.findall(said)):
        if session not in ran:
            yield session


def _bare(session: str) -> str:
    return _ADDED.sub("", session, count=1)
