"""Double of actions/upload-artifact: pack the files and upload them to the rehearsal."""

import glob
import hashlib
import io
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path


def found() -> list[Path]:
    """List the files that match the patterns; hidden ones only if requested."""
    hidden = os.environ["REHEARSAL_INCLUDE_HIDDEN_FILES"] == "true"
    files: set[Path] = set()
    for line in os.environ["REHEARSAL_PATH"].splitlines():
        for name in glob.glob(line.strip(), recursive=True, include_hidden=hidden) if line.strip() else ():
            path = Path(name).absolute()
            files |= {path} if path.is_file() else {one for one in path.rglob("*") if one.is_file()}
    shown = Path.cwd()
    return sorted(path for path in files if hidden or not is_hidden(path, shown))


def is_hidden(path: Path, top: Path) -> bool:
    """Check whether a file, or a directory above it in the workspace, begins with a dot."""
    parts = path.relative_to(top).parts if path.is_relative_to(top) else path.parts[-1:]
    return any(part.startswith(".") for part in parts)


def common(files: list[Path]) -> Path:
    """Return the common parent directory of the searched paths, at which the artifact's paths begin.

    Source: the action's README: with several paths, the least common ancestor is the root.
    """
    lines = [Path(line.strip()) for line in os.environ["REHEARSAL_PATH"].splitlines() if line.strip()]
    if len(lines) == 1 and lines[0].is_dir():
        return lines[0].absolute()
    return Path(os.path.commonpath([path.parent for path in files]))


def main() -> None:
    """Pack, upload, and write the artifact's id to the outputs."""
    files = found()
    if not files:
        what = f"No files were found with the provided path: {os.environ['REHEARSAL_PATH'].strip()}"
        how = os.environ["REHEARSAL_IF_NO_FILES_FOUND"]
        print(f"::{'error' if how == 'error' else 'warning'}::{what}")
        sys.exit(1 if how == "error" else 0)
    root, packed = common(files), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(root).as_posix())
    name, overwrite = os.environ["REHEARSAL_NAME"], os.environ["REHEARSAL_OVERWRITE"]
    query = urllib.parse.urlencode({"name": name, "overwrite": overwrite})
    request = urllib.request.Request(
        f"{os.environ['REHEARSAL_RUNNER']}/artifacts?{query}",
        data=packed.getvalue(),
        headers={"Authorization": f"Bearer {os.environ['REHEARSAL_RUNNER_TOKEN']}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            made = json.load(answer)
    except urllib.error.HTTPError as err:
        sys.exit(f"::error::Failed to upload the artifact {name}: {err.read().decode()}")
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as stream:
        stream.write(f"artifact-id={made['id']}\nartifact-digest={digest}\nartifact-url={made['url']}\n")


main()
