"""The release tag, read once more right before something that cannot be taken back."""

from __future__ import annotations

from release_channels.adapters.git import Git
from release_channels.adapters.observe import read_tag
from release_channels.errors import RefusedError
from release_channels.model.observed import Relation
from release_channels.model.version import Channel
from release_channels.steps.step import Release


def look_at_tag_again(release: Release) -> None:
    """Read the tag once more: somebody may have moved it since the run began.

    Raises: RefusedError if it does not point to the commit that was built.
    """
    tag = release.observed.tag
    if release.plan.channel is not Channel.PUBLIC or tag is None:
        return
    now = read_tag(Git(release.root), tag.name, release.observed.commit, release.project.config, release.env)
    if now is None or now.relation is not Relation.SAME:
        where = f"points to commit {now.commit[:12]} now" if now else "is gone"
        raise RefusedError(
            f"the tag {tag.name} {where}; what was built is commit {release.observed.commit.short}",
            hint="a release tag is never moved: find out who did, and release the next version",
        )
