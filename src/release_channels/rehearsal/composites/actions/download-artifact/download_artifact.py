"""Double of actions/download-artifact: fetch artifacts of this run, or with a token those of another."""

import io
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Handler that follows no redirect, since the storage must not receive the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return None, so that no redirect is followed."""


def ask(address: str, token: str = "") -> bytes:
    """Send a GET request to a URL."""
    headers = {"User-Agent": "download-artifact", **({"Authorization": f"Bearer {token}"} if token else {})}
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(urllib.request.Request(address, headers=headers), timeout=60) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as err:
        if err.code == 302:
            return ask(err.headers["Location"])
        sys.exit(f"::error::Unable to download artifact(s): {err.code} {err.read().decode()}")


def listed(run: str, token: str) -> tuple[list[dict[str, Any]], str, str]:
    """List the artifacts of a run, with the URL and the token to fetch them."""
    if run == os.environ["GITHUB_RUN_ID"]:
        base, key = os.environ["REHEARSAL_RUNNER"], os.environ["REHEARSAL_RUNNER_TOKEN"]
        found: list[dict[str, Any]] = json.loads(ask(f"{base}/artifacts", key))
        return found, f"{base}/artifacts", key
    base = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/actions"
    found = json.loads(ask(f"{base}/runs/{run}/artifacts", token))["artifacts"]
    return found, f"{base}/artifacts", token


def main() -> None:
    """Download and unpack: a single artifact directly into the path, several into one directory each."""
    name, ids = os.environ["REHEARSAL_NAME"], os.environ["REHEARSAL_ARTIFACT_IDS"].replace(",", " ").split()
    artifacts, base, key = listed(os.environ["REHEARSAL_RUN_ID"], os.environ["REHEARSAL_GITHUB_TOKEN"])
    if ids:
        artifacts = [one for one in artifacts if str(one["id"]) in ids]
    elif name:
        artifacts = [one for one in artifacts if one["name"] == name]
    if (ids or name) and not artifacts:
        sys.exit(f"::error::Unable to download artifact(s): Artifact not found for name: {name or ' '.join(ids)}")
    top = Path(os.environ["REHEARSAL_PATH"] or ".").expanduser().absolute()
    for one in artifacts:
        target = top if name or len(artifacts) == 1 else top / one["name"]
        target.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(ask(f"{base}/{one['id']}/zip", key))) as archive:
            archive.extractall(target)
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as stream:
        stream.write(f"download-path={top}\n")


main()
