"""Import the contents of a distribution with the Python of a clean environment, as a separate program.

That Python may be older than this project's, and has nothing of this project: only the standard library is used. Each
result is a line of JSON in a file, since what is imported may print, exit or crash.
"""

from __future__ import annotations

import importlib
import json
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_GROUPS = ("console_scripts", "gui_scripts")


def prepare_probe(
    python: Path, results: Path, targets: Sequence[tuple[str, str, str]], project: str = ""
) -> tuple[str | Path, ...]:
    """Write the list of import targets, and return the command that imports them.

    A target has a script, a module and an attribute; the first and the last may be empty. With a project, the first
    result describes its installation, and its own scripts take the place of the targets.
    """
    request = results.with_suffix(".request")  # in a file, since a wheel may have more modules than fit into a command
    request.write_text(json.dumps([project, targets]), encoding="utf-8")
    results.unlink(missing_ok=True)
    # `-I` keeps the working directory, this project's sources and the user's own packages out of the import path.
    return (python, "-I", Path(__file__), request, results)


def read_results(results: Path) -> list[Any]:
    """Read the results so far; a crash leaves fewer results than targets."""
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] if results.exists() else []


def _main(request: Path, results: Path) -> None:
    for result in _probe(*json.loads(request.read_text(encoding="utf-8"))):
        with results.open("a", encoding="utf-8") as out:
            out.write(json.dumps(result) + "\n")


def _probe(project: str, targets: list[list[str]]) -> Iterator[dict[str, Any]]:
    if project:
        description = _describe(project, targets)
        targets = description["targets"]
        yield description
    for _, module, attr in targets:
        yield _import(module, attr)


def _describe(project: str, targets: list[list[str]]) -> dict[str, Any]:
    import importlib.metadata  # Python 3.7 does not have it

    found = importlib.metadata.distribution(project)
    points = [point for point in found.entry_points if point.group in _GROUPS]
    return {
        "version": found.version,
        "site": str(found.locate_file("")),
        "prefix": sys.prefix,
        "direct_url": found.read_text("direct_url.json"),
        "files": [str(file) for file in found.files or ()],
        "scripts": [[point.name, point.group] for point in points],
        "targets": [[point.name, *split_reference(point.value)] for point in points] or targets,
    }


def split_reference(value: str) -> list[str]:
    """Split an entry point's object reference into module and attribute, as Python 3.8 cannot."""
    module, _, attr = value.partition("[")[0].partition(":")
    return [module.strip(), attr.strip()]


class _Attempt:
    """Keep what goes wrong in a block as a problem in words, also an exit."""

    def __init__(self) -> None:
        self.problem = ""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, err: BaseException | None, trace: object) -> bool:
        if err is not None:
            lines = str(err).replace(sysconfig.get_path("purelib"), "").strip().splitlines()
            self.problem = ": ".join([type(err).__name__, *lines[-1:]])
        return True


def _import(module: str, attr: str) -> dict[str, Any]:
    """Import a module and find its attribute: where the module came from, and the problem if there is one."""
    sources: list[str] = []
    attempt = _Attempt()
    with attempt:
        loaded: Any = importlib.import_module(module)
        file = getattr(loaded, "__file__", None)
        sources = [file] if file else list(getattr(loaded, "__path__", ()))
        for part in filter(None, attr.split(".")):
            loaded = getattr(loaded, part)
        if attr and not callable(loaded):
            attempt.problem = f"{module}:{attr} cannot be called"
    return {"sources": sources, "problem": attempt.problem}


if __name__ == "__main__":
    _main(*map(Path, sys.argv[1:]))
