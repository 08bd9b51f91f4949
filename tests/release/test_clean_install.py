"""The clean installation: independent of the user's configuration, with any allowed Python, and without leftovers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from release_channels.adapters.index import LOCAL, Credentials, Index
from release_channels.adapters.process import run
from release_channels.adapters.uv import uv_program
from release_channels.errors import CommandError, FailedError
from release_channels.indexserver.server import serve
from release_channels.model.version import Channel
from release_channels.release.clean_install import make_clean_installer
from release_channels.release.import_probe import split_reference
from tests.support.distributions import Recipe, make_wheel
from tests.support.verifying import ReleasedProject, release_of

HELP = "import sys\n\ndef main():\n    print('usage: demo', sys.argv[1:])\n    return 0\n"
PREVIEW = Recipe(version="1.3.0.dev5", cli=HELP, requires=["demo-dep"])
FINAL = replace(PREVIEW, version="1.2.0")
DEPENDENCY = Recipe(name="demo-dep", version="1.0.0", scripts={})


@pytest.fixture
def project(tmp_path: Path, wheelhouse: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> ReleasedProject:
    """A checkout, an index with one dependency, and a temporary directory."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)  # read again from here on
    project = ReleasedProject.open(tmp_path, wheelhouse)
    make_wheel(project.upstream, DEPENDENCY)
    return project


@pytest.mark.full
def test_the_users_configuration_is_ignored(project: ReleasedProject, tmp_path: Path) -> None:
    """Environment, configuration files and the checkout's settings."""
    project.release(PREVIEW, FINAL)
    home = tmp_path / "user"
    (home / ".config" / "uv").mkdir(parents=True)
    (home / ".config" / "pip").mkdir()
    (home / ".config/uv/uv.toml").write_text('exclude-newer = "2001-01-01T00:00:00Z"\nprerelease = "disallow"\n')
    (home / ".config/pip/pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/simple\npre = true\n")
    (home / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    (home / "limits.txt").write_text("demo-tool<1\ndemo-dep<1\n")
    # A checkout that breaks whoever imports it.
    (project.root / "demo_tool").mkdir()
    (project.root / "demo_tool" / "__init__.py").write_text("raise ImportError('this is the checkout')\n")
    hostile = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "NETRC": str(home / ".netrc"),
        "UV_EXCLUDE_NEWER": "2001-01-01T00:00:00Z",
        "UV_PRERELEASE": "allow",
        "UV_CONSTRAINT": str(home / "limits.txt"),
        "UV_TOOL_DIR": str(home / "tools"),
        "UV_PYTHON": "3.999",
        "PIP_PRE": "1",
        "PIP_NO_DEPS": "1",
        "PIP_CONSTRAINT": str(home / "limits.txt"),
        "PIP_TARGET": str(home / "target"),
        "PIP_CONFIG_FILE": str(home / ".config/pip/pip.conf"),
        "PYTHONPATH": str(project.root),
    }
    recipe = replace(PREVIEW, cli=f"import demo_dep\n{HELP}")
    project.release(recipe, replace(FINAL, cli=recipe.cli))
    plain, ours = project.verify(recipe), project.verify(recipe, env=hostile)
    assert ours == plain
    assert ours.warnings == ()
    assert sorted(path.name for path in home.iterdir()) == [".config", ".netrc", "limits.txt"]


def test_an_unsatisfiable_requires_python_is_an_error(project: ReleasedProject) -> None:
    """The index is not queried."""
    recipe = replace(PREVIEW, requires_python=">=4.7")
    project.release(recipe)
    with pytest.raises(FailedError, match=r"demo-tool asks for Python >=4\.7, and this machine has none") as caught:
        project.verify(recipe)
    assert "uv python install" in caught.value.hint
    assert list((project.root.parent / "tmp").iterdir()) == []


def test_the_upstream_password_is_in_no_message(project: ReleasedProject, tmp_path: Path) -> None:
    """Where pip is missing, the command is reported without the URL's login."""
    project.release(PREVIEW)
    next(project.upstream.glob("pip-*.whl")).unlink()
    with project.index() as (local, upstream):
        index = Index(LOCAL, local.simple_url, "", Credentials.NONE, own_url=local.own_url)
        address = upstream.simple_url.replace("://", "://ci:marked-password@")
        release = release_of(project.root, PREVIEW, index, address, project.env)
        (tmp_path / "home").mkdir()
        installer = make_clean_installer(tmp_path / "home", release.project, index, address, project.env)
        with pytest.raises(CommandError, match="pip install --quiet pip") as caught:
            installer.pip_install(Channel.PUBLIC)
    assert "marked-password" not in f"{caught.value}"


def test_an_installed_latest_pip_is_accepted(project: ReleasedProject, tmp_path: Path) -> None:
    """pip installs nothing then, and its version is read as any project's."""
    with project.index("pip") as (local, upstream):
        index = Index(LOCAL, local.simple_url, "", Credentials.NONE, own_url=local.own_url)
        recipe = replace(PREVIEW, name="pip")
        release = release_of(project.root, recipe, index, upstream.simple_url, project.env)
        (tmp_path / "home").mkdir()
        installer = make_clean_installer(tmp_path / "home", release.project, index, upstream.simple_url, project.env)
        version = installer.pip_would_install(Channel.PUBLIC)
    assert any(path.name.startswith(f"pip-{version}-") for path in project.upstream.iterdir())


REFERENCES = {
    "demo.cli:main": ["demo.cli", "main"],
    "demo.cli : Group.main [more, all]": ["demo.cli", "Group.main"],
    "demo": ["demo", ""],
}


@pytest.mark.parametrize(("value", "parts"), REFERENCES.items(), ids=REFERENCES)
def test_an_entry_point_is_read_by_its_text(value: str, parts: list[str]) -> None:
    """In Python 3.8 an entry point has neither module nor attribute."""
    assert split_reference(value) == parts


@pytest.mark.full
def test_a_project_that_excludes_this_python_is_installed_with_another(project: ReleasedProject) -> None:
    """Any other allowed Python of this machine."""
    bound = f"!={sys.version_info.major}.{sys.version_info.minor}.*,>=3.9"
    words = ("python", "find", "--no-project", "--no-python-downloads", bound)
    if subprocess.run([uv_program(), *words], capture_output=True, check=False).returncode:
        pytest.skip("uv finds no second Python on this machine")
    recipe = replace(PREVIEW, requires_python=bound)
    project.release(recipe, replace(FINAL, requires_python=bound))
    assert project.verify(recipe).warnings == ()


_CHILD = """
import os, sys
from pathlib import Path
from release_channels.adapters.index import Credentials, Index
from release_channels.release.verify import VERIFY
from tests.support.distributions import Recipe
from tests.support.verifying import release_of
index = Index("local", sys.argv[2], "", Credentials.NONE)
try:
    VERIFY.act(release_of(Path(sys.argv[1]), Recipe(version="1.3.0.dev5"), index, sys.argv[2], dict(os.environ)))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_an_interrupt_ends_the_installs_and_leaves_no_file(project: ReleasedProject, tmp_path: Path) -> None:
    # On --help the script tells that it runs, and does not end.
    mark = tmp_path / "started"
    report = f"open({str(mark)!r}, 'a').write(f'{{os.getpid()}} ')"
    body = f"import os, time\n\ndef main():\n    {report}\n    time.sleep(600)\n"
    recipe = replace(PREVIEW, cli=body)
    project.release(recipe, replace(FINAL, cli=body))
    with project.index() as (local, _):
        words = [sys.executable, "-c", textwrap.dedent(_CHILD), str(project.root), local.simple_url]
        child = subprocess.Popen(words, cwd=Path(__file__).parents[2], env=project.env, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while len(mark.read_text().split() if mark.exists() else ()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        try:
            _, output = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 130, output.decode()
    assert list((tmp_path / "tmp").iterdir()) == []
    for started in mark.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(started), 0)


@pytest.mark.parametrize("how", [pytest.param("pip", marks=pytest.mark.full), "uv"])
def test_files_of_an_ephemeral_index_are_not_cached(tmp_path: Path, wheelhouse: Path, offline: None, how: str) -> None:
    """A second index on the same port serves other bytes by the same file name."""
    port, seen = 0, []
    python = tmp_path / "environment" / "bin" / "python"
    run(uv_program(), "venv", "--quiet", python.parent.parent, cwd=tmp_path)
    run(uv_program(), "pip", "install", "--quiet", "--python", python, "pip", cwd=tmp_path)
    uv = (uv_program(), "pip", "install", "--reinstall", "--python", python, "--no-deps", "demo-tool")
    pip = (python, "-m", "pip", "install", "--force-reinstall", "--no-deps", "demo-tool")
    for text in ("VALUE = 'one'\n", "VALUE = 'two'\n"):
        root = tmp_path / text.split("'")[1]
        root.mkdir()
        make_wheel(root, Recipe(files={"demo_tool/value.py": text}))
        with serve(root, port=port) as index:
            port = int(index.url.rpartition(":")[2])
            env = {**os.environ, "UV_DEFAULT_INDEX": index.simple_url, "PIP_INDEX_URL": index.simple_url}
            run(*(pip if how == "pip" else uv), cwd=tmp_path, env=env)
        # -B: bytecode of the first wheel must not answer for the second.
        seen.append(run(python, "-B", "-c", "import demo_tool.value; print(demo_tool.value.VALUE)", cwd=tmp_path))
    assert seen == ["one", "two"]


@pytest.mark.full
def test_pip_compiles_nothing_of_what_it_installs(project: ReleasedProject, tmp_path: Path) -> None:
    """That is most of a large installation's time, and Python compiles what it imports."""
    project.release(replace(FINAL, requires=[]))
    (tmp_path / "home").mkdir()
    with project.index() as (local, upstream):
        index = Index(LOCAL, local.simple_url, "", Credentials.NONE)
        released = release_of(project.root, FINAL, index, upstream.simple_url, project.env)
        installer = make_clean_installer(tmp_path / "home", released.project, index, upstream.simple_url, project.env)
        environment = installer.pip_install(Channel.PUBLIC)
    (package,) = environment.python.parent.parent.glob("lib/python*/site-packages/demo_tool")
    assert [path.name for path in package.iterdir() if path.name == "__pycache__"] == []
