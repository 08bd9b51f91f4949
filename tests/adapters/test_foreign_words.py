"""A foreign value that becomes an argument of a command is refused by its name, and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from release_channels.adapters.git import Git, create_tag, delete_tag, push_branch, push_tag, switch_to_new_branch
from release_channels.adapters.index import remote_index
from release_channels.adapters.process import run
from release_channels.errors import CommandError, RefusedError, ReleaseError, UsageError
from release_channels.gate.providers import PROVIDERS, provider_statuses
from release_channels.model.config import Config, parse_config
from release_channels.model.grammar import ENVIRONMENT, LINE, Grammar
from release_channels.model.outcome import Result
from release_channels.project.pyproject import UvIndex
from tests.conftest import MakeRepo, RunSession
from tests.support.projects import Sample
from tests.support.repo import Repo

# Run in the checkout, each of them would leave a file `ran` there.
HOSTILE = {
    "option": "-x",
    "command as option": "--upload-pack=touch ran;",
    "remote helper": "ext::sh -c touch% ran",
    "newline": "main\ntouch ran",
    "NUL": "main\0",
    "path out of the project": "../../etc/passwd",
}
# Each is one line of text, which only what begins with a dash or has control characters could leave.
HARMLESS_AS_TEXT = {"remote helper", "path out of the project"}
# No word of a command: prose, text that is searched, names that are compared, and the project's own commands.
FREE_TEXT = {
    "version-files.pattern", "build-environment", "allow",
    "gate.commands", "gate.providers", "gate.rollout", "gate.task", "gate.verifier", "gate.rubric",
}  # fmt: skip


def _settings(shape: type, prefix: str = "") -> Iterator[tuple[str, Grammar | None]]:
    """List every text setting with its grammar."""
    types = get_type_hints(shape)
    for item in fields(shape):
        path, kind = prefix + item.name.replace("_", "-"), types[item.name]
        inner = get_args(kind)[0] if get_args(kind) else kind
        if is_dataclass(inner):
            assert isinstance(inner, type)
            yield from _settings(inner, f"{path}.")
        elif inner is str or get_args(inner):
            yield path, item.metadata["grammar"]


SETTINGS = dict(_settings(Config))
_EXTRA = {"name": "acme", "key": "ACME_KEY", "base-url": "https://acme.example/v1", "model": "one"}


def _table(path: str, value: str) -> dict[str, object]:
    """Return the tool's table with one setting, and those that it requires."""
    match path.split("."):
        case ["version-files", key]:
            return {"version-files": [{"path": "CITATION.cff", "pattern": "version: {version}", key: value}]}
        case ["gate", "extra-providers", key]:
            return {"gate": {"extra-providers": [{**_EXTRA, key: value}]}}
        case ["gate", key]:
            return {"gate": {key: value}}
        case [key]:
            return {key: value}
    raise AssertionError(path)


def test_every_text_setting_has_a_grammar() -> None:
    """Or is listed among those that are no argument of a command."""
    assert {path for path, grammar in SETTINGS.items() if grammar is None} == FREE_TEXT


@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("path", sorted(SETTINGS.keys() - FREE_TEXT))
def test_a_hostile_setting_is_refused_by_its_name(path: str, word: str) -> None:
    """Before the project is read, in a dry run as well."""
    kind = next(name for name, value in HOSTILE.items() if value == word)
    if SETTINGS[path] in (LINE, ENVIRONMENT) and kind in HARMLESS_AS_TEXT:
        parse_config(_table(path, word))
        return
    with pytest.raises(RefusedError) as stop:
        parse_config(_table(path, word))
    assert str(stop.value).startswith("tool.release-channels.")
    assert path.rpartition(".")[2] in str(stop.value)
    assert repr(word) in str(stop.value)
    assert stop.value.hint


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("main-branch", "release/2.x"), ("remote", "my.fork"), ("tag-format", "demo/v{version}"),
        ("changelog", ""), ("changelog", "docs/news..rst"), ("build-constraints", ".ci/build constraints.txt"),
        ("gate-workflow", "eval.yaml"), ("public-environment", "PyPI (public)"), ("repository", "a-b_c/d.e_f"),
        ("gate.agent", "open hands"), ("gate.extra-providers.model", "org/model@v1:latest"),
    ],
)  # fmt: skip
def test_an_unusual_valid_setting_is_accepted(path: str, value: str) -> None:
    """The grammars are as wide as those of git, GitHub and the file system."""
    parse_config(_table(path, value))


def test_a_hostile_setting_stops_a_session(make_repo: MakeRepo, run_session: RunSession) -> None:
    """Also in a dry run; the remote's name is an argument of git."""
    repo = make_repo(Sample(settings='remote = "--upload-pack=touch ran;"\n'))
    before = repo.fingerprint()
    outcome = run_session(repo, "--dry-run", "--index", "pypi")
    assert outcome.result is Result.REFUSED
    assert outcome.message.startswith("tool.release-channels.remote is ")
    assert repo.fingerprint() == before


@pytest.mark.parametrize("option", ["--commit", "--tag", "--index", "--from", "--run-number"])
def test_a_hostile_option_is_refused(repo: Repo, run_session: RunSession, option: str) -> None:
    """No value of a session's options is an option of git or uv."""
    before = repo.fingerprint()
    for word in HOSTILE.values():
        dry = () if option == "--from" else ("--dry-run",)  # the directory is read when its files are taken
        outcome = run_session(repo, *dry, f"{option}={word}", steps=("preview-publish",))
        assert outcome.result is Result.REFUSED, word
        assert "a bug" not in outcome.message
    assert repo.fingerprint() == before


GIT: dict[str, Callable[[Git, str], object]] = {
    "list_remote": lambda git, word: git.list_remote(word),
    "list_remote, ref": lambda git, word: git.list_remote("origin", word),
    "remote_url": lambda git, word: git.remote_url(word),
    "push_addresses": lambda git, word: git.push_addresses(word),
    "default_branch": lambda git, word: git.default_branch(word),
    "default_tip": lambda git, word: git.default_tip(word),
    "remote_tip": lambda git, word: git.remote_tip("origin", word),
    "has_branch": lambda git, word: git.has_branch(word, "origin"),
    "remote_tag": lambda git, word: git.remote_tag(word, "HEAD", "origin"),
    "local_tag": lambda git, word: git.local_tag(word, "HEAD"),
    "is_signed": lambda git, word: git.is_signed(word),
    "commit": lambda git, word: git.commit(word),
    "relation": lambda git, word: git.relation("HEAD", word),
    "tags_at": lambda git, word: git.tags_at(word),
    "tags_before": lambda git, word: git.tags_before(word),
    "subjects": lambda git, word: git.subjects("", word),
    "first_parents": lambda git, word: git.first_parents(word, 1),
    "read_file": lambda git, word: git.read_file("HEAD", word),
    "tracks": lambda git, word: git.tracks(word),
    "untracked_files": lambda git, word: git.untracked_files(word),
    "push_branch": lambda git, word: push_branch(git.root, word, "side"),
    "push_tag": lambda git, word: push_tag(git.root, word, "v1"),
    "delete_tag": lambda git, word: delete_tag(git.root, word),
    "create_tag": lambda git, word: create_tag(git.root, word, "HEAD", "text", sign=False),
    "switch_to_new_branch": lambda git, word: switch_to_new_branch(git.root, word),
}


@pytest.mark.parametrize("ask", GIT.values(), ids=GIT)
def test_git_gets_no_foreign_option_or_command(repo: Repo, ask: Callable[[Git, str], object]) -> None:
    """Without the earlier checks, it is refused or unknown; nothing runs or moves."""
    before = repo.fingerprint()
    for word in HOSTILE.values():
        with suppress(ReleaseError):
            ask(Git.open(repo.root), word)
    assert repo.fingerprint() == before


def test_a_remote_whose_address_is_a_command_runs_nothing(repo: Repo) -> None:
    """Git allows such addresses only when its user does."""
    repo.git("config", "remote.origin.url", "ext::sh -c touch% ran")
    assert not Git.open(repo.root).list_remote("origin").is_answered
    assert not (repo.root / "ran").exists()


@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("key", ["url", "publish-url"])
def test_a_hostile_index_url_is_refused(key: str, word: str) -> None:
    """uv gets both settings as arguments."""
    urls = {"url": "https://index.example/simple/", "publish-url": "https://index.example/upload/", key: word}
    index = UvIndex("acme", urls["url"], urls["publish-url"])
    with pytest.raises(UsageError, match=f"the {key} of the index acme"):
        remote_index("acme", (index,), in_actions=False)


@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_variable_configures_no_provider(word: str) -> None:
    """A provider's model is an argument of the project's own rollout."""
    env = {"OPENAI_API_KEY": "key", "OPENAI_MODEL": word}
    status = next(each for each in provider_statuses(PROVIDERS, env) if each.provider.name == "openai")
    assert (status.configured is not None) == bool(LINE.takes(word))
    if status.configured is None:
        assert status.missing == f"OPENAI_MODEL is {word!r}: {LINE.form}"


def test_an_argument_with_a_nul_is_refused(tmp_path: Path) -> None:
    """Python's own error would be reported as a bug of this tool."""
    with pytest.raises(CommandError, match="could not run 'echo'"):
        run("echo", "a\0b", cwd=tmp_path)
