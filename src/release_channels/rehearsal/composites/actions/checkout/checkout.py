"""Double of actions/checkout: fetch one commit, or all history, from the rehearsal's remote."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path


def git(*words: str) -> str:
    """Run git in the workspace."""
    done = subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def wanted() -> tuple[str, str]:
    """Return the ref to fetch and its local name; tags and branches keep their names, as in the action."""
    ref, own = os.environ["REHEARSAL_REF"], os.environ["GITHUB_REF"]
    if not ref:
        return os.environ["GITHUB_SHA"], own
    if ref.startswith("refs/"):
        return ref, ref
    for full in (f"refs/heads/{ref}", f"refs/tags/{ref}"):
        if git("ls-remote", "origin", full):
            return full, full
    return ref, ""


def take_lock() -> None:
    """Copy the rehearsal's `uv.lock` for this `pyproject.toml` if none is committed."""
    project = Path("pyproject.toml")
    if project.exists() and not Path("uv.lock").exists():
        digest = hashlib.sha256(project.read_text("utf-8").strip().encode()).hexdigest()
        lock = Path(os.environ["REHEARSAL_LOCKS"], f"{digest}.lock")
        if lock.exists():
            shutil.copyfile(lock, "uv.lock")


def main() -> None:
    """Check out the commit, and write it to the outputs."""
    address = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}"
    depth = int(os.environ["REHEARSAL_FETCH_DEPTH"])
    is_new = not Path(".git").exists()
    if is_new:
        git("init", "--quiet")
        git("remote", "add", "origin", address)
    if depth == 0:  # all of history is read where it lies, instead of being copied into every job
        Path(".git/objects/info/alternates").write_text(f"{os.environ['REHEARSAL_OBJECTS']}\n")
    what, name = wanted()
    everything = () if depth else ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    shallow = (f"--depth={depth}",) if depth else ()
    # What is named first is what FETCH_HEAD means.
    git("fetch", "--quiet", "--no-tags", *shallow, "origin", what, *everything)
    commit = git("rev-parse", "FETCH_HEAD^{commit}")
    git("checkout", "--quiet", "--force", "--detach", commit)
    if not is_new:
        git("clean", "-ffdxq")
    if name.startswith("refs/heads/"):
        git("update-ref", f"refs/remotes/origin/{name.removeprefix('refs/heads/')}", commit)
        git("checkout", "--quiet", "-B", name.removeprefix("refs/heads/"), commit)
    elif name.startswith("refs/tags/") and what == name:
        git("update-ref", name, "FETCH_HEAD")
    elif name.startswith("refs/tags/"):
        git("fetch", "--quiet", "--no-tags", "origin", f"+{name}:{name}")
    take_lock()
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as stream:
        stream.write(f"ref={name or what}\ncommit={commit}\n")


main()
