"""Find wheels that do not work: install each into a clean environment, and import its scripts and packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from release_channels.adapters.distributions import Kind
from release_channels.adapters.process import run
from release_channels.adapters.uv import find_python, python_for, python_of
from release_channels.errors import CommandError
from release_channels.model.findings import Allowable, Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error, note, warning
from release_channels.release.checks.entry_points import excuse, scripts
from release_channels.release.checks.wheel_layout import import_packages
from release_channels.release.import_probe import prepare_probe, read_results

_INSTALL_TIMEOUT = 900  # seconds
_IMPORT_TIMEOUT = 120  # seconds
_TAIL_LINES = 6


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """An object that must be importable; `script` is empty for an import package."""

    script: str
    module: str
    attr: str = ""


def check_imports(subject: CheckContext, archives: Sequence[Archive], previous: Archive | None = None) -> list[Finding]:
    """Install the wheel for this Python and import its scripts and packages, with a finding for each failure.

    A script that the wheel of the `previous` release could not start either is a warning.
    """
    wheels = [archive for archive in archives if archive.kind is Kind.WHEEL]
    wheel = next((wheel for wheel in wheels if _fits(wheel.name)), None)
    if wheel is None:
        here = f"Python {sys.version_info.major}.{sys.version_info.minor} on {sys.platform}"
        return [note("", f"no wheel fits {here}, so none was installed and imported")] if wheels else []
    wanted = import_targets(wheel)
    requires_python = wheel.fields.get("requires_python") or subject.requires_python  # a build may know it alone
    try:
        base = find_python(requires_python, cwd=subject.scratch, env=subject.env, uv=subject.uv)
        if base is None:
            return [_without_python(wheel.name, python_for(requires_python))]
        python = _install(subject, wheel.path, base, "environment")
    except CommandError as err:
        return [_not_installed(wheel.name, err)]
    problems = dict(_import_all(subject, python, wanted))
    excuses = {target: _excuse(wheel, target, problem) for target, problem in problems.items()}
    if previous is not None and any(target.script and not excuses[target] for target in problems):
        before = _broken_before(subject, previous, base)
        text = f"{subject.previous_version or previous.name} could not start it either"
        excuses = {target: why or (text if target.script in before else "") for target, why in excuses.items()}
    return [_failure(wheel.name, target, problem, excuses[target]) for target, problem in problems.items()]


def _excuse(wheel: Archive, target: ImportTarget, problem: str) -> str:
    requires = wheel.fields.get("requires_dist", [])
    return next((excuse(script, problem, requires) for script in scripts(wheel) if script.name == target.script), "")


def _broken_before(subject: CheckContext, previous: Archive, base: Path) -> frozenset[str]:
    """Return the scripts that the wheel of the previous release cannot start; none if it cannot be installed."""
    try:
        python = _install(subject, previous.path, base, "environment-before")
    except CommandError:
        return frozenset()
    return frozenset(target.script for target, _ in _import_all(subject, python, import_targets(previous)))


def import_targets(wheel: Archive) -> tuple[ImportTarget, ...]:
    """List the objects to import: every script's object, or the import packages if there are no scripts."""
    programs = tuple(ImportTarget(script.name, script.module, script.attr) for script in scripts(wheel))
    return programs or tuple(ImportTarget("", name) for name in import_packages(wheel))


def _fits(name: str) -> bool:
    from packaging.tags import sys_tags

    try:
        tags = parse_wheel_filename(name)[3]
    except InvalidWheelFilename:
        return False  # reported with the names
    return any(tag in tags for tag in sys_tags())


def _install(subject: CheckContext, wheel: Path, base: Path, name: str) -> Path:
    """Make a clean environment of an interpreter, with the wheel and its dependencies, and return its Python."""
    environment = subject.scratch / name
    python = python_of(environment)
    uv = partial(run, subject.uv, cwd=subject.scratch, env=subject.env, timeout=_INSTALL_TIMEOUT)
    uv("venv", "--quiet", "--no-project", "--python", base, environment)
    uv("pip", "install", "--quiet", "--python", python, wheel.resolve())
    return python


def _without_python(name: str, wanted: str) -> Finding:
    message = f"no Python {wanted} on this machine: the import was not tried"
    return warning(name, message, f'install one, with `uv python install "{wanted}"` for instance')


def _not_installed(name: str, err: CommandError) -> Finding:
    reason = " ".join(" ".join((err.hint or str(err)).splitlines()[-_TAIL_LINES:]).split())
    hint = "install that wheel into a new environment by hand, and see what it lacks"
    return error(name, f"does not install into a clean environment: {reason}", hint)


def _import_all(
    subject: CheckContext, python: Path, wanted: Sequence[ImportTarget]
) -> Iterator[tuple[ImportTarget, str]]:
    """Import all targets in a single run; after a crash, the next run continues behind the culprit."""
    remaining, attempt = list(wanted), 0
    while remaining:
        results = python.parent / f"imports-{attempt}.jsonl"
        crash = _probe(subject, python, remaining, results)
        imported = read_results(results)
        for target, result in zip(remaining, imported, strict=False):
            if result["problem"]:
                yield target, result["problem"]
        remaining = remaining[len(imported) :]
        if remaining:
            yield remaining.pop(0), crash or "the interpreter crashed during import"
        attempt += 1


def _probe(subject: CheckContext, python: Path, wanted: Sequence[ImportTarget], results: Path) -> str:
    """Run the imports in the clean environment and return how the run ended, if not well."""
    words = prepare_probe(python, results, [(target.script, target.module, target.attr) for target in wanted])
    try:
        run(*words, cwd=subject.scratch, env=subject.env, timeout=_IMPORT_TIMEOUT)
    except CommandError as err:
        return (err.hint or "Python crashed or took too long").splitlines()[-1]
    return ""


def _failure(name: str, target: ImportTarget, problem: str, why: str) -> Finding:
    if not target.script:
        message = f"the import package {target.module} cannot be imported: {problem}"
        return warning(name, message, "try it in a clean environment")
    message = f"the script {target.script} ({target.module}:{target.attr}) cannot start: {problem}"
    case = Allowable.BROKEN_SCRIPTS.case(target.script)
    if why:
        return warning(name, message, why, case)
    hint = "correct the entry point, or add what it imports to the package or its dependencies"
    return error(name, message, hint, case)
