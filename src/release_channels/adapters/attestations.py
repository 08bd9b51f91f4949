"""The publisher of a file, which the index verified when the file was uploaded with an attestation."""

from __future__ import annotations

import json
from dataclasses import dataclass

from release_channels.adapters.index import Index, fetch_provenance
from release_channels.model.observed import IndexFile


@dataclass(frozen=True, slots=True)
class AttestedPublisher:
    """The publisher of a file: repository, workflow file and environment on GitHub."""

    file: str
    repository: str
    workflow: str
    environment: str

    @property
    def values(self) -> tuple[str, str, str]:
        """Repository, workflow file and environment, in lower case: the index compares them so."""
        return self.repository.lower(), self.workflow.lower(), self.environment.lower()


def fetch_attested(index: Index, file: IndexFile) -> AttestedPublisher | None:
    """Fetch the publisher of a file; None without an attestation, or if it was not made on GitHub.

    Source: the index-hosted attestations specification (once PEP 740), `attestation_bundles[].publisher`.
    """
    text = fetch_provenance(index, file)
    if text is None:
        return None
    try:
        bundles = json.loads(text)["attestation_bundles"]
        publishers = [bundle["publisher"] for bundle in bundles]
        made = next((one for one in publishers if one["kind"] == "GitHub"), None)
        if made is None:
            return None
        return AttestedPublisher(
            file.name, str(made["repository"]), str(made["workflow"]), str(made.get("environment") or "")
        )
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ):  # of another form than specified: nothing is proven
        return None
