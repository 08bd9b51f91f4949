"""`tag` finds a broken workflow chain before it creates a tag."""

from __future__ import annotations

import pytest

from release_channels.adoption.workflows.render import Adoption, Tests, render
from release_channels.model.config import Config
from tests.commands.doing import tag
from tests.conftest import MakeRepo
from tests.support.projects import Sample

FILES = render(Adoption(Config(), Tests("uv run --frozen --script noxfile.py", ("tests",), ("3.12",))))
TESTS, GATE, PREVIEW, PUBLIC = (
    f".github/workflows/{name}.yml"
    for name in ("test", "integration-eval", "internal-preview-release", "public-release")
)
BROKEN_CHAINS = {
    "a name of the tests": (TESTS, "name: test\n", "name: Tests\n", "follows test, and"),
    "no name of the tests": (TESTS, "name: test\n", "", f"{TESTS} is named {TESTS}"),
    "special characters": (TESTS, "name: test\n", 'name: "C++"\n', r'`workflows: ["C\\+\\+"]`'),
    "a name of the gate": (GATE, "name: integration-eval\n", "name: gate\n", "follows integration-eval, and"),
    "what the gate follows": (GATE, "workflows: [test]", "workflows: [ci]", "follows ci, and"),
    "the tags of the public one": (PUBLIC, 'tags: ["v[0-9]*"]', "tags: [v1.1.*]", "the tag v1.2.0 does not start it"),
    "what the preview follows": (PREVIEW, "workflows: [integration-eval]", "workflows: ['*']", "also follows"),
}


def test_an_intact_workflow_chain_is_accepted(make_repo: MakeRepo) -> None:
    """The control of the cases below; an unreadable workflow is reported elsewhere."""
    repo = make_repo(Sample(version="1.2.0", files={**FILES, ".github/workflows/other.yml": "on: [", "b": b"\xff"}))
    assert tag(repo) == 0


@pytest.mark.parametrize(("path", "old", "new", "message"), BROKEN_CHAINS.values(), ids=BROKEN_CHAINS)
def test_a_broken_workflow_chain_is_refused_before_the_tag(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], path: str, old: str, new: str, message: str
) -> None:
    """The following workflow would never start."""
    assert old in FILES[path], "the case is out of date"
    repo = make_repo(Sample(version="1.2.0", files={**FILES, path: FILES[path].replace(old, new, 1)}))
    before = repo.fingerprint()
    assert tag(repo) == 1
    assert message in " ".join(capsys.readouterr().err.split())
    assert repo.fingerprint() == before
