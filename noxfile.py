"""The sessions of this repository: the release sessions that everybody gets, and its own upkeep."""

import nox

from release_channels import sessions

nox.options.default_venv_backend = "none"
sessions.register(nox)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; `-- --all` runs them with every backend, fault and kill."""
    # Four workers load the same modules: with bytecode this takes each a third of the time.
    with_bytecode = {"PYTHONDONTWRITEBYTECODE": None}
    session.run("pytest", "-n", "auto", "--dist", "worksteal", *session.posargs, env=with_bytecode)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and layers."""
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types, strictly."""
    session.run("mypy")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare a preview with the same work by hand, and screens with those of an empty noxfile, as ratios."""
    session.run("python", "tests/bench.py", *session.posargs)


@nox.session(default=False)
def mutations(session: nox.Session) -> None:
    """Change the pure core in one place at a time: its unit tests have to notice; a sample, or `-- --all`."""
    session.run("python", "-m", "tests.mutations", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Search for archives, pages, events and files that a reader neither reads nor refuses, a minute for each."""
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session(default=False)
def smoke(session: nox.Session) -> None:
    """Release a throw-away project through the real GitHub and a test index once, and record what GitHub says."""
    session.run("python", "-m", "tests.smoke", *session.posargs)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Draw the pictures of the README from a real run."""
    session.run("python", "-m", "tests.pictures")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation site; a broken link or reference is an error."""
    session.run("sphinx-build", "--fresh-env", "--quiet", "--nitpicky", "--fail-on-warning", "docs", "docs/_build")


@nox.session(default=False)
def generate(session: nox.Session) -> None:
    """Write the generated files: the reference pages, the workflows, the hashed requirements."""
    session.run("python", "tests/generate.py")
