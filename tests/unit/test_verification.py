"""A manifest is a claim: it passes only where it agrees with independently derived values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.decide import Plan, Reason, Verdict
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.verification import verify_manifest
from release_channels.model.version import Channel

PLAN = Plan(
    channel=Channel.PREVIEW, project="x", index="local", commit="a" * 40, verdict=Verdict.PUBLISH, reason=Reason.OPEN,
    message="", version=Version("1.0.dev42"), run=42,
)  # fmt: skip
HONEST = Manifest(
    channel=Channel.PREVIEW, project="x", version=Version("1.0.dev42"), commit="a" * 40, run=42, tools={},
    files=(ManifestFile("x-1.0.dev42.tar.gz", 1, "b" * 64),),
)  # fmt: skip
FORGED = {
    "channel": (replace(HONEST, channel=Channel.PUBLIC), "channel is public, and should be preview"),
    "project": (replace(HONEST, project="y"), "project is y, and should be x"),
    "version": (replace(HONEST, version=Version("1.0")), "version is 1.0, and should be 1.0.dev42"),
    "run": (replace(HONEST, run=43), "run is 43, and should be 42"),
    "no run": (replace(HONEST, run=None), "run is None, and should be 42"),
    "commit": (replace(HONEST, commit="c" * 40), f"commit is {'c' * 40}, and should be {'a' * 40}"),
}


def test_an_agreeing_manifest_is_returned_unchanged() -> None:
    assert verify_manifest(HONEST, PLAN) is HONEST


def test_tool_versions_are_not_compared() -> None:
    manifest = replace(HONEST, tools={"uv": "0"})
    assert verify_manifest(manifest, PLAN) is manifest


@pytest.mark.parametrize(("manifest", "message"), FORGED.values(), ids=FORGED)
def test_one_forged_value_is_refused(manifest: Manifest, message: str) -> None:
    """The message contains that value alone, as claimed and as derived."""
    with pytest.raises(RefusedError) as stop:
        verify_manifest(manifest, PLAN)
    assert str(stop.value) == f"release.json does not describe this release: {message}"
    assert "build again" in stop.value.hint


def test_all_forged_values_are_in_one_message() -> None:
    manifest = Manifest(Channel.PUBLIC, "y", Version("2"), "c" * 40, None, {}, HONEST.files)
    with pytest.raises(RefusedError) as stop:
        verify_manifest(manifest, PLAN)
    for what in ("channel is public", "project is y", "version is 2", "run is None", "commit is ccc"):
        assert what in str(stop.value)


def test_a_plan_without_a_build_refuses_every_manifest() -> None:
    """A skipped or refused release has no version to claim."""
    with pytest.raises(RefusedError, match=r"version is 1\.0\.dev42, and should be None"):
        verify_manifest(HONEST, replace(PLAN, version=None))
