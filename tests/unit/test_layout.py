"""The layout of the package: its root modules, and no import cycle."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2] / "src" / "release_channels"
PACKAGES = {
    "adapters", "adoption", "cli", "commands", "gate", "indexserver", "model", "project", "rehearsal", "release",
}  # fmt: skip
MODULES = {"__init__", "errors", "sessions", "tasks"}


def test_the_package_root_has_only_its_entries() -> None:
    """A new module goes into a package."""
    assert {path.stem for path in ROOT.glob("*.py")} == MODULES
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == PACKAGES


def imports(package: str) -> dict[str, set[str]]:
    """Return which modules each module of a package imports, also inside functions and for type checking only."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_there_is_no_import_cycle() -> None:
    TopologicalSorter(imports("release_channels")).prepare()


def test_an_import_cycle_for_type_checking_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph contains imports inside functions and those for type checking."""
    package = tmp_path / "cyclic_sample"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("def later():\n    from cyclic_sample import other\n    return other\n")
    (package / "other.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cyclic_sample import one\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CycleError):
        TopologicalSorter(imports("cyclic_sample")).prepare()
