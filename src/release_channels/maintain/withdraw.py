"""`withdraw`: a bad release is out; yanking has no API, so say exactly what to do, and look afterwards."""

from __future__ import annotations

from packaging.version import Version

from release_channels import console
from release_channels.maintain.desk import Desk
from release_channels.outcome import Outcome, Result
from release_channels.version import parse_project_version
from release_channels.withdrawal import Withdrawal, page, plan_withdrawal


def withdraw(desk: Desk, text: str, *, reason: str = "") -> Outcome:
    """Show what to yank and what each channel's users then get; run again, it checks that the index shows the yank.

    Raises: UsageError if the index does not have the version.
    """
    version = parse_project_version(text)
    plan = plan_withdrawal(desk.read_index(), version)
    for line in _gets(plan):
        console.result(line)
    if plan.is_yanked:
        message = f"{version} is yanked on {desk.index.title}: nobody is offered it any more"
        return _outcome(desk, version, Result.DONE, message, f"the next version to cut is {plan.next_version}")
    for line in _steps(desk, plan, reason):
        console.result(line)
    message = f"{version} is not yanked yet; do the above, then run `invoke withdraw {version}` again to check"
    if plan.partly:
        message = f"only some files of {version} are yanked, not {', '.join(plan.partly)}; yank the whole release"
    return _outcome(desk, version, Result.PLANNED, message, f"the next version to cut is {plan.next_version}")


def _gets(plan: Withdrawal) -> list[str]:
    nobody = "nothing: there is no other release"
    lines = [
        f"once {plan.version} is yanked:",
        f"  public channel users get   {plan.public_gets or nobody}",
        f"  preview channel users get  {plan.preview_gets or nobody}",
        f"  who asks for =={plan.version} still gets it, with the reason as a warning",
    ]
    if plan.previews:
        previews = ", ".join(map(str, plan.previews))
        lines.append(f"  previews of the same line stay on offer to preview users: {previews}")
    return lines


def _steps(desk: Desk, plan: Withdrawal, reason: str) -> list[str]:
    text = reason or f"broken; use {plan.public_gets or plan.next_version} instead"
    return [
        "to yank it:",
        f"  open    {page(desk.index.simple_url, desk.project.name, plan.version)}",
        "  press   Options, then Yank, and type the version to confirm",
        f"  reason  {text}",
        f"a yanked version is never used again: the next one to cut is {plan.next_version}",
    ]


def _outcome(desk: Desk, version: Version, result: Result, message: str, hint: str) -> Outcome:
    return Outcome(result, message, hint=hint, project=desk.project.name, version=str(version), index=desk.index.name)
