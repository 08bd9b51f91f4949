"""Double of actions/setup-node: this machine's Node, if it has one."""

import os
import shutil
import subprocess
from pathlib import Path


def wanted() -> str:
    """Return the wanted version as it is written: the input, else the file's text, else empty."""
    file = os.environ["REHEARSAL_NODE_VERSION_FILE"]
    written = os.environ["REHEARSAL_NODE_VERSION"].strip()
    if not written and file and Path(file).is_file():
        written = file if file.endswith((".json", ".toml")) else Path(file).read_text(encoding="utf-8").strip()
    return written


def main() -> None:
    """Report a version that is not surely the one here, and a missing Node; neither stops the job."""
    version, found = wanted(), shutil.which("node")
    here = ""
    if found:
        words = (found, "--version")
        here = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    if not here:
        print(f"::notice title=not rehearsed::Node {version or '(any)'} (not on this machine)")
    elif version and not f"{here.removeprefix('v')}.".startswith(version.lower().lstrip("v").rstrip(".x*") + "."):
        print(f"::notice title=not rehearsed::Node {version} (this machine has {here})")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as stream:
        stream.write(f"node-version={here}\n")
        if os.environ["REHEARSAL_CACHE"]:
            stream.write("cache-hit=false\n")


main()
