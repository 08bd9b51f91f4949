"""`yank`: show how to yank a bad release, which has no API, and check it afterwards."""

from __future__ import annotations

from collections.abc import Collection

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.index import LOCAL
from release_channels.adapters.local_index_history import local_index_dir
from release_channels.cli.context import TaskContext
from release_channels.errors import RefusedError
from release_channels.model.next_version import parse_named
from release_channels.model.outcome import Outcome, Result
from release_channels.model.tags import release_tags, tag_of
from release_channels.model.yank_plan import YankPlan, page, plan_yank


def yank(context: TaskContext, text: str, *, reason: str = "") -> Outcome:
    """Show how to yank a version and what each channel's users then get; a second run checks that it is yanked.

    Raises: UsageError if the index does not have the version.
    """
    plan = plan_yank(context.read_index(), parse_named(text), context.project.version, _tagged(context))
    for line in (*_gets(plan), *([] if plan.is_yanked else _steps(context, plan, reason)), *_afterwards(context, plan)):
        console.result(line)
    version, title = plan.version, context.index.title
    if plan.is_yanked:
        return _outcome(context, plan, Result.DONE, f"{version} is yanked on {title}: installers no longer pick it")
    again = f"run `release-channels yank {version}{_index_option(context)}` again to check"
    if plan.partly:
        left = ", ".join(plan.partly)
        return _outcome(
            context, plan, Result.PLANNED, f"{version} is yanked on {title} but for {left}; yank it, then {again}"
        )
    return _outcome(
        context, plan, Result.PLANNED, f"{version} is not yanked on {title} yet; do the above, then {again}"
    )


def _tagged(context: TaskContext) -> Collection[Version]:
    """Return the tagged versions; a remote that is out of reach must not keep anybody from taking a release back."""
    try:
        return context.tags()
    except RefusedError as stop:
        console.warn(f"{stop}: the next version is chosen by the tags of this clone")
        return release_tags(context.config.tag_format, context.git.tag_names_here())


def _gets(plan: YankPlan) -> list[str]:
    nobody = "nothing: there is no other release"
    lines = [
        f"{'now that' if plan.is_yanked else 'once'} {plan.version} is yanked:",
        f"  public channel users get   {plan.public_gets or nobody}",
        f"  preview channel users get  {plan.preview_gets or nobody}",
        "  existing installs keep it until they upgrade past it",
        f"  installs with =={plan.version} still get it, with the reason as a warning",
    ]
    if plan.previews:
        previews = ", ".join(map(str, plan.previews))
        lines.append(f"  previews of the same line are still there, and may have the same fault: {previews}")
    return lines


def _steps(context: TaskContext, plan: YankPlan, reason: str) -> list[str]:
    final = plan.public_gets if plan.public_gets and not plan.public_gets.is_prerelease else plan.next_version
    text = reason or f"broken; use {final or 'another version'} instead"
    if context.index.name == LOCAL:
        place = local_index_dir(context.root).relative_to(context.root)
        files = ", ".join(f"{name}.yanked" for name in plan.unyanked)
        return ["to yank it, for practice:", f"  write   {files}", f"  into    {place}", f"  reason  {text}"]
    return [
        "to yank it:",
        f"  open    {page(context.index.simple_url, context.project.name, plan.version)}",
        "  press   Options, then Yank, and type the version to confirm",
        f"  reason  {text}",
    ]


def _afterwards(context: TaskContext, plan: YankPlan) -> list[str]:
    """Describe what comes next; the published releases stays out, so the way is forward."""
    if plan.next_version is None:
        return ["a yanked version is never used again: merge a fix; the next preview will include it"]
    tag = tag_of(context.config.tag_format, plan.version)
    return [
        f"a yanked version is never used again: the next one to cut is {plan.next_version}",
        f"the tag {tag} stays; if there is a GitHub Release {tag}, say in its text that it is withdrawn",
    ]


def _index_option(context: TaskContext) -> str:
    return "" if context.index.name == "pypi" else f" --index {context.index.name}"


def _outcome(context: TaskContext, plan: YankPlan, result: Result, message: str) -> Outcome:
    follows = f"the next version to cut is {plan.next_version}" if plan.next_version else ""
    return Outcome(
        result, message, hint=follows, project=context.project.name, version=str(plan.version), index=context.index.name
    )
