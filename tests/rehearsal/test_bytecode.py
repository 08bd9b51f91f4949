"""Where the Pythons of a rehearsal keep what they compiled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rehearsal.stages import job, set_stage, workflow

_IMPORTS = (
    "uv venv --quiet && cp a.py $(echo .venv/lib/python3*/site-packages)/thing.py && .venv/bin/python -c "
    "'import os, thing; import here; print(*(os.path.realpath(one.__cached__) for one in (thing, here)))'"
)


@pytest.mark.parametrize(
    ("name", "is_shared"), [("release-channels", True), pytest.param("demo-tool", False, marks=pytest.mark.full)]
)
def test_the_tools_own_environments_share_what_was_compiled(
    offline: None, tmp_path: Path, name: str, is_shared: bool
) -> None:
    """What is installed in `.venv` has one place for all jobs of the tool; sources and other projects have none."""
    steps = (json.dumps("echo 'x = 1' > a.py"), json.dumps("echo 'y = 1' > here.py"), json.dumps(_IMPORTS))
    jobs = (job(*steps, name="one"), job(*steps, name="two", needs="one"))
    with set_stage(tmp_path, {"one.yml": workflow(*jobs)}, name=name) as stage:
        ran = stage.run()
        assert ran.is_green, ran.act_result.said()
        kept = [ran.act_result.said(one).split() for one in ("one", "two")]
        assert all(Path(path).is_file() for paths in kept for path in paths)
        assert all(Path(path).is_relative_to(stage.environment.directory / "home") for paths in kept for path in paths)
    assert (kept[0][0] == kept[1][0]) is is_shared
    assert kept[0][1] != kept[1][1]
