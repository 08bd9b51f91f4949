"""The changes that `nox -s mutations` makes, and the list of those that no test can notice."""

from __future__ import annotations

from pathlib import Path

from tests.mutations import NAMED, ROOT, mutants

RULE = '''
def above(one: int, limit: int = 3) -> bool:
    """Compare."""
    if not one and limit:
        raise ValueError(f"{one} is 0", "an error")
    return one > limit - 1
'''
CHANGES = {
    "3 -> 4", "not one and limit -> not (not one and limit)", "not one and limit -> limit",
    "not one and limit -> not one", "not one -> one", 'raise ValueError(f"{one} is 0", "an error") -> None',
    "one > limit - 1 -> one >= limit - 1", "limit - 1 -> limit + 1", "1 -> 2",
}  # fmt: skip


def test_every_rule_is_changed_and_no_text() -> None:
    made = list(mutants(Path("rule.py"), RULE))
    assert {mutant.change for mutant in made} == {f"rule.above: {change}" for change in CHANGES}
    assert all(compile(mutant.source, "rule.py", "exec") for mutant in made)
    assert {mutant.line for mutant in made} == {2, 4, 5, 6}


def test_every_change_that_is_named_as_equivalent_exists() -> None:
    """And has a reason; a name that the code has outgrown would hide the next change of it."""
    paths = [ROOT / "src/release_channels" / path for path in NAMED["tests"]]
    made = {mutant.change for path in paths for mutant in mutants(path, path.read_text())}
    assert NAMED["equivalent"].keys() <= made
    assert all(NAMED["equivalent"].values())
