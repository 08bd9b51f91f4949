"""Where the Pythons of a rehearsal store bytecode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rehearsal.stages import job, make_runner, workflow

_IMPORTS = (
    "uv venv --quiet && cp a.py $(echo .venv/lib/python3*/site-packages)/thing.py && .venv/bin/python -c "
    "'import os, thing; import here; print(*(os.path.realpath(one.__cached__) for one in (thing, here)))'"
)


@pytest.mark.parametrize(
    ("name", "is_shared"), [("release-channels", True), pytest.param("demo-tool", False, marks=pytest.mark.full)]
)
def test_own_environments_share_their_bytecode(offline: None, tmp_path: Path, name: str, is_shared: bool) -> None:
    """All jobs' `.venv` of the tool have one place; sources and other projects have none."""
    steps = (json.dumps("echo 'x = 1' > a.py"), json.dumps("echo 'y = 1' > here.py"), json.dumps(_IMPORTS))
    jobs = (job(*steps, name="one"), job(*steps, name="two", needs="one"))
    with make_runner(tmp_path, {"one.yml": workflow(*jobs)}, name=name) as runner:
        ran = runner.run()
        assert ran.is_green, ran.act_result.said()
        kept = [ran.act_result.said(one).split() for one in ("one", "two")]
        assert all(Path(path).is_file() for paths in kept for path in paths)
        assert all(Path(path).is_relative_to(runner.environment.directory / "home") for paths in kept for path in paths)
    assert (kept[0][0] == kept[1][0]) is is_shared
    assert kept[0][1] != kept[1][1]
