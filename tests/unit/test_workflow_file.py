"""Invalid workflow files: each is refused with its name."""

from __future__ import annotations

import pytest

from release_channels.errors import RefusedError
from release_channels.model.workflow_semantics.file import read_workflow

REFUSED = {
    "not YAML": ("a: [", "is not YAML"),
    "a list": ("- a", "is not a workflow"),
    "nothing": ("", "is not a workflow"),
    "an alias of itself": ("jobs: &a\n  x: *a\n", "contains itself"),
    "a list of itself": ("on: &a [*a]\n", "contains itself"),
    "a key twice": ("on: push\non: pull_request\n", "duplicate key 'on'"),
}


def test_nested_yaml_aliases_are_read_once() -> None:
    """Nine of nine of nine, thirty levels deep: expanded, the file would fill any disk."""
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 31))
    top = read_workflow(f"l0: &l0 [x]\n{levels}\n", "other.yml")
    assert len(top["l30"].entries) == 9


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_an_invalid_workflow_is_refused_with_its_name(text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as stop:
        read_workflow(text, "other.yml")
    assert str(stop.value).startswith("other.yml")
