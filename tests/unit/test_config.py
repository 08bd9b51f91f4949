"""The `[tool.release-channels]` table: defaults and refusals."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, time

import pytest

from release_channels.errors import RefusedError
from release_channels.model.config import (
    ClosedLine,
    Config,
    Follows,
    ProofPolicy,
    VersionFile,
    parse_config,
    parse_table,
)
from release_channels.model.gate_config import GateConfig

# As the reference document has them; the last ones are of our own and as the index documents its limits.
DEFAULTS = {
    "directory": "",
    "main_branch": "main",
    "remote": "origin",
    "tag_format": "v{version}",
    "preview_environment": "pypi-internal-preview",
    "public_environment": "pypi-public",
    "test_workflow": "test.yml",
    "gate_workflow": "integration-eval.yml",
    "preview_workflow": "internal-preview-release.yml",
    "public_workflow": "public-release.yml",
    "gate_environment": "",
    "github_models_secret": "GH_MODELS_TOKEN",
    "public_proof": ProofPolicy.REQUIRE,
    "annotated_tags": False,
    "run_offset": 0,
    "closed_line": ClosedLine.REFUSE,
    "repository": "",
    "version_files": (),
    "changelog": "auto",
    "build_constraints": "",
    "build_environment": (),
    "rebuild": True,
    "allow": (),
    "verify_seconds": 600,
    "file_limit": 100 * 1024 * 1024,
    "project_limit": 10 * 1024 * 1024 * 1024,
    "gate": GateConfig(enabled=True),
}


def test_defaults_match_the_reference_document() -> None:
    """Every key has an expected default."""
    config = parse_config({})
    assert {item.name: getattr(config, item.name) for item in fields(Config)} == DEFAULTS


def test_every_key_has_a_description() -> None:
    """The reference page shows it."""
    assert all(item.metadata["help"] for item in fields(Config))


SET = {
    "directory": "packages/one",
    "main-branch": "trunk",
    "remote": "upstream",
    "tag-format": "release-{version}",
    "preview-environment": "p",
    "public-environment": "q",
    "test-workflow": "t.yml",
    "gate-workflow": "g.yml",
    "preview-workflow": "pre.yml",
    "public-workflow": "pub.yml",
    "gate-environment": "r",
    "github-models-secret": "s",
    "public-proof": "warn",
    "annotated-tags": True,
    "run-offset": 1000,
    "closed-line": "skip",
    "repository": "owner/name",
    "changelog": "NEWS.md",
    "build-constraints": "constraints.txt",
    "rebuild": False,
    "verify-seconds": 60,
    "file-limit": 1,
    "project-limit": 2,
}


def test_every_key_can_be_set() -> None:
    """Each key is written with dashes and sets its field."""
    copy = {"path": "CITATION.cff", "pattern": "version: {version}", "follows": "finals"}
    more = {
        "version-files": [copy],
        "allow": ["lost-scripts:old", "prerelease-dependencies: Ty_Ped", "secrets:a:b.key"],
        "build-environment": ["ACME_HOME"],
        "gate": {"enabled": False},
    }
    config = parse_config(SET | more)
    expected = SET | {
        "version-files": (VersionFile("CITATION.cff", "version: {version}", Follows.FINALS),),
        "allow": ("lost-scripts:old", "prerelease-dependencies:ty-ped", "secrets:a:b.key"),
        "build-environment": ("ACME_HOME",),
        "gate": GateConfig(enabled=False),
    }  # fmt: skip
    assert {item.name.replace("_", "-"): getattr(config, item.name) for item in fields(Config)} == expected
    assert config.closed_line is ClosedLine.SKIP


REFUSED = {
    "unknown key": ({"run-ofset": 1}, "tool.release-channels.run-ofset", "did you mean run-offset?"),
    "underscores": ({"run_offset": 1}, "tool.release-channels.run_offset", "did you mean run-offset?"),
    "capitals": ({"Remote": "x"}, "tool.release-channels.Remote", "did you mean remote?"),
    "nothing near": ({"zzz": 1}, "tool.release-channels.zzz", "known keys: main-branch, remote"),
    "number for text": ({"remote": 1}, "tool.release-channels.remote is 1", "it must be a string"),
    "list for text": ({"remote": ["x"]}, "tool.release-channels.remote is ['x']", "it must be a string"),
    "text for a number": ({"run-offset": "1"}, "tool.release-channels.run-offset is '1'", "a whole number"),
    "float for a number": ({"run-offset": 1.0}, "tool.release-channels.run-offset is 1.0", "a whole number"),
    "bool for a number": ({"run-offset": True}, "tool.release-channels.run-offset is true", "a whole number"),
    "date for a number": (
        {"verify-seconds": date(2020, 1, 1)}, "tool.release-channels.verify-seconds is 2020-01-01", "a whole number",
    ),
    "time in a table for text": (
        {"remote": {"at": [time(7, 30), True]}}, "release-channels.remote is {at = [07:30:00, true]}", "a string",
    ),
    "number for bool": ({"rebuild": 1}, "tool.release-channels.rebuild is 1", "true or false"),
    "text for bool": ({"rebuild": "true"}, "tool.release-channels.rebuild is 'true'", "true or false"),
    "unknown choice": ({"closed-line": "stop"}, "tool.release-channels.closed-line is 'stop'", "refuse, skip"),
    "bool for a choice": ({"closed-line": True}, "tool.release-channels.closed-line is true", "refuse, skip"),
    "table for a choice": ({"closed-line": {}}, "tool.release-channels.closed-line is {}", "refuse, skip"),
    "no time": ({"verify-seconds": 0}, "tool.release-channels.verify-seconds is 0", "1 or above"),
    "negative offset": ({"run-offset": -1}, "tool.release-channels.run-offset is -1", "0 or above"),
    "tag without version": ({"tag-format": "v"}, "tool.release-channels.tag-format", "{version} once"),
    "tag with two versions": ({"tag-format": "{version}{version}"}, "tool.release-channels.tag-format", "once"),
    "tag with another field": ({"tag-format": "{name}-{version}"}, "tool.release-channels.tag-format", "once"),
    "tag with an open brace": ({"tag-format": "{version}{"}, "tool.release-channels.tag-format", "once"),
    "tag with a closing brace": ({"tag-format": "{version}}"}, "tool.release-channels.tag-format", "once"),
    "repository as URL": ({"repository": "https://h.example/o/n"}, "tool.release-channels.repository", "owner/name"),
    "repository without owner": ({"repository": "/name"}, "tool.release-channels.repository", "owner/name"),
    "repository without name": ({"repository": "owner/"}, "tool.release-channels.repository", "owner/name"),
    "repository with a space": ({"repository": "owner/na me"}, "tool.release-channels.repository", "owner/name"),
    "repository alone": ({"repository": "name"}, "tool.release-channels.repository", "owner/name"),
    "a variable with a value": ({"build-environment": ["A=1"]}, "build-environment has 'A=1'", "names of variables"),
    "a secret for the build": ({"build-environment": ["NPM_TOKEN"]}, "has 'NPM_TOKEN'", "of a secret"),
    "a copy is not a list": (
        {"version-files": 1}, "tool.release-channels.version-files is 1", "[[tool.release-channels."),
    "a copy is not a table": (
        {"version-files": [1]}, "[tool.release-channels.version-files[0]] is not a table", "write"),
    "a copy without a path": ({"version-files": [{"pattern": "v: {version}"}]}, "version-files[0] has no path", "file"),
    "a copy without a pattern": ({"version-files": [{"path": "x"}]}, "version-files[0] has no pattern", "{version}"),
    "a copy with another key": ({"version-files": [{"patern": ""}]}, "version-files[0].patern", "pattern?"),
    "a copy's path is a number": ({"version-files": [{"path": 1, "pattern": ""}]}, "files[0].path is 1", "a string"),
    "a copy without a version": ({"version-files": [{"path": "x", "pattern": "v"}]}, 'version-files[0].pattern is "v"',
                                 "{version} once"),
    "a copy with two versions": ({"version-files": [{"path": "x", "pattern": "v{version}{version}"}]},
                                 "version-files[0].pattern", "{version} once"),
    "a copy with two dates": ({"version-files": [{"path": "x", "pattern": "v{version}{date}{date}"}]},
                              "version-files[0].pattern", "{date} once"),
    "a copy of nothing else": ({"version-files": [{"path": "x", "pattern": " {version} "}]},
                               "version-files[0].pattern", "around the placeholder"),
    "a copy of two lines": ({"version-files": [{"path": "x", "pattern": "a\n{version}"}]},
                            "version-files[0].pattern", "one line"),
    "allow is text": ({"allow": "secrets:x"}, "tool.release-channels.allow is 'secrets:x'", '["one", "two"]'),
    "allow without a kind": ({"allow": ["server.key"]}, 'tool.release-channels.allow[0] is "server.key"',
                             "broken-scripts, prerelease-dependencies, filtered-files, module-versions"),
    "allow of another kind": ({"allow": ["secrets:x", "secret:y"]}, 'allow[1] is "secret:y"', "the kinds are secrets,"),
    "allow without a case": ({"allow": ["secrets: "]}, 'allow[0] is "secrets: "', '"KIND:CASE"'),
    "a number": (3, "[tool.release-channels] is not a table", "write [tool.release-channels]"),
    "a list": ([{}], "[tool.release-channels] is not a table", "write [tool.release-channels]"),
}  # fmt: skip


@pytest.mark.parametrize(("table", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_an_invalid_table_is_refused(table: object, message: str, hint: str) -> None:
    """The message contains the key's full path, and the hint the allowed values."""
    with pytest.raises(RefusedError) as stop:
        parse_config(table)
    assert message in str(stop.value)
    assert hint in stop.value.hint


@dataclass(frozen=True, slots=True)
class Nested:
    """A table below the tool's own one."""

    some_key: int = 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"some-kye": 1}, "tool.release-channels.nested.some-kye is not a key"),
        ({"some-key": "1"}, "tool.release-channels.nested.some-key is '1'"),
        ("x", "[tool.release-channels.nested] is not a table"),
    ],
    ids=["unknown key", "wrong type", "no table"],
)
def test_a_nested_key_is_reported_by_its_full_path(table: object, message: str) -> None:
    assert parse_table(Nested, {"some-key": 2}, "tool.release-channels.nested") == Nested(2)
    with pytest.raises(RefusedError) as stop:
        parse_table(Nested, table, "tool.release-channels.nested")
    assert message in str(stop.value)


def test_the_gate_settings_are_a_nested_table() -> None:
    """An unknown key is reported by its full path."""
    assert parse_config({}).gate.enabled
    assert not parse_config({"gate": {"enabled": False}}).gate.enabled
    with pytest.raises(RefusedError, match=r"tool\.release-channels\.gate\.enable is not a key") as stop:
        parse_config({"gate": {"enable": True}})
    assert stop.value.hint == "did you mean enabled?"
    with pytest.raises(RefusedError, match=r"\[tool\.release-channels\.gate\] is not a table"):
        parse_config({"gate": True})
