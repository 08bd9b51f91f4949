"""uv.lock and Cargo.lock: the project's own entry gets the version, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.edit import Edit
from release_channels.project.lock_files import cargo_disagreements, plan_cargo_lock, plan_lock, read_lock
from release_channels.project.plan_edits import disagreements
from release_channels.project.pyproject import parse_project
from release_channels.project.sources.base import TomlVersion
from release_channels.project.sources.cargo import cargo_version

NAME = canonicalize_name("x-y")
NEW = Version("2.0.0")
HEAD = 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n[manifest]\nmembers = ["x-y"]\n'
OTHER = '\n[[package]]\nname = "a"\nversion = "1.0.0.dev0"\nsource = { registry = "https://h.example/simple" }\n'
SAME_NAME = OTHER.replace('"a"', '"x-y"')


def own(source: str = '{ editable = "." }', version: str = 'version = "«1.0.0.dev0»"\n') -> str:
    return (
        f'\n[[package]]\nname = "x-y"\n{version}source = {source}\ndependencies = [\n    {{ name = "a" }},\n]\n\n'
        '[package.metadata]\nrequires-dist = [{ name = "a", specifier = "==1.0.0.dev0" }]\n'
    )


LOCKS = {
    "editable": HEAD + OTHER + own() + OTHER.replace('"a"', '"z"'),
    "virtual": HEAD + own('{ virtual = "." }') + OTHER,
    "directory": HEAD + own('{ directory = "." }'),
    "another of the name": HEAD + SAME_NAME + own(),
    "another of the name, later": HEAD + own() + SAME_NAME,
    "a member of the workspace": HEAD + own('{ editable = "packages/z" }').translate({171: None, 187: None}) + own(),
    "CRLF": (HEAD + OTHER + own()).replace("\n", "\r\n"),
    "no final newline": (HEAD + own()).rstrip(),
    "literal quotes, comment": HEAD + own().replace('version = "«1.0.0.dev0»"', "version  =  '«1.0.0.dev0»' # c"),
}


def plain(marked: str) -> str:
    return marked.replace("«", "").replace("»", "")


def with_version(marked: str, version: str) -> str:
    return marked[: marked.index("«")] + version + marked[marked.index("»") + 1 :]


def plan(text: str, version: Version = NEW) -> tuple[Edit, ...]:
    return plan_lock(NAME, {"uv.lock": text.encode()}.get, version)


@pytest.mark.parametrize("marked", LOCKS.values(), ids=LOCKS)
def test_uv_lock_changes_only_the_own_entry(marked: str) -> None:
    """A second run changes nothing, and writing the old version restores the bytes."""
    text, expected = plain(marked), with_version(marked, "2.0.0")
    assert read_lock(NAME, {"uv.lock": text.encode()}.get) == Version("1.0.0.dev0")
    assert plan(text) == (Edit("uv.lock", text, expected),)
    assert plan(expected) == ()
    assert plan(expected, Version("1.0.0.dev0")) == (Edit("uv.lock", expected, text),)


NOTHING = {
    "dynamic": HEAD + own(version=""),
    "another project": HEAD + OTHER,
    "same name from an index": HEAD + SAME_NAME,
    "elsewhere": plain(HEAD + own('{ editable = "sub" }')),
    "empty": "",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_a_lock_without_the_version_needs_no_edit(text: str) -> None:
    """It has no own entry, or a dynamic version."""
    assert plan(text) == ()
    assert read_lock(NAME, {"uv.lock": text.encode()}.get) is None


def test_a_project_without_uv_lock_needs_no_edit() -> None:
    assert plan_lock(NAME, lambda _: None, NEW) == ()


REFUSED = {
    "no TOML": ("x = = 1", "uv.lock is not valid TOML"),
    "packages are no list": ("package = 1", "has no list of packages"),
    "not uv's form": ('package = [{name="x-y", version="1.0", source={editable="."}}]', "not written as uv writes"),
    "a name in the way": (plain(HEAD + own().replace('name = "x-y"', 'name = """x-y"""\nx = """\n[[package]]\n"""')),
                          "not written as uv writes"),
    "no version": (plain(HEAD + own(version='version = "one"\n')), "'one' is not a version"),
    "version is a number": (plain(HEAD + own(version="version = 1.0\n")), "is 1.0, not a string"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_an_invalid_lock_is_refused(text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as stop:
        plan(text)
    assert "uv.lock" in str(stop.value)
    assert stop.value.hint


@given(st.lists(st.sampled_from([OTHER, SAME_NAME, plain(own('{ editable = "sub" }'))]), max_size=4), st.data())
@settings(max_examples=60, deadline=None)
def test_any_lock_changes_only_one_version(others: list[str], data: st.DataObject) -> None:
    """Wherever the entry is among others."""
    blocks = data.draw(st.permutations([*others, own()]))
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    marked = (HEAD + "".join(blocks)).replace("\n", newline)
    assert plan(plain(marked)) == (Edit("uv.lock", plain(marked), with_version(marked, "2.0.0")),)


CARGO = 'version = 4\n\n[[package]]\nname = "a"\nversion = "1.0.0-dev0"\nsource = "registry+x"\n'
CRATE = '[package]\nname = "crate"\nversion = "1.0.0-dev0"\n'


def cargo_entry(name: str, version: str = "1.0.0-dev0") -> str:
    return f'\n[[package]]\nname = "{name}"\nversion = "{version}"\ndependencies = [\n "a",\n]\n'


CARGO_LOCKS = {
    "the crate": ("Cargo.toml", CRATE, "Cargo.lock", cargo_entry("crate"), cargo_entry("crate", "2.0.0")),
    "CRLF": (
        "Cargo.toml", CRATE, "Cargo.lock",
        cargo_entry("crate").replace("\n", "\r\n"), cargo_entry("crate", "2.0.0").replace("\n", "\r\n"),
    ),
    "another member stays": (
        "rust/Cargo.toml", CRATE, "rust/Cargo.lock",
        cargo_entry("crate") + cargo_entry("other"), cargo_entry("crate", "2.0.0") + cargo_entry("other"),
    ),
    "a workspace above": ("b/Cargo.toml", CRATE, "Cargo.lock", cargo_entry("crate"), cargo_entry("crate", "2.0.0")),
}  # fmt: skip


@pytest.mark.parametrize(("manifest", "toml", "lock", "before", "after"), CARGO_LOCKS.values(), ids=CARGO_LOCKS)
def test_cargo_lock_changes_the_entries_of_own_crates(
    manifest: str, toml: str, lock: str, before: str, after: str
) -> None:
    """Entries of a registry and of other members stay."""
    files = {manifest: toml.encode(), lock: (CARGO + before).encode()}
    source = cargo_version(manifest, files.get)
    assert plan_cargo_lock(source, files.get, NEW) == (Edit(lock, CARGO + before, CARGO + after),)
    files[lock] = (CARGO + after).encode()
    assert plan_cargo_lock(source, files.get, NEW) == ()


INHERITS = '[package]\nname = "{}"\nversion.workspace = true\n'
OWN = '[package]\nname = "{}"\nversion = "1.0.0-dev0"\n'
WORKSPACE = {
    "Cargo.toml": '[workspace]\nmembers = ["b", "crates/*"]\n[workspace.package]\nversion = "1.0.0-dev0"\n'
    + INHERITS.format("crate") + '[dependencies]\nby-path = { path = "there" }\n',
    "b/Cargo.toml": INHERITS.format("b"),
    "crates/one_more/Cargo.toml": INHERITS.format("one-more"),
    "crates/alone/Cargo.toml": OWN.format("alone"),
    "there/Cargo.toml": INHERITS.format("by-path"),
}  # fmt: skip
SHARING = ("crate", "b", "one-more", "by-path")


def workspace(lock: str) -> dict[str, bytes]:
    return {name: text.encode() for name, text in {**WORKSPACE, "Cargo.lock": CARGO + lock}.items()}


def test_cargo_lock_changes_only_inheriting_crates() -> None:
    """A member with an equal version of its own stays: the manifests are read."""
    before = "".join(map(cargo_entry, (*SHARING, "alone")))
    after = "".join(cargo_entry(name, "2.0.0") for name in SHARING) + cargo_entry("alone")
    files = workspace(before)
    source = cargo_version("Cargo.toml", files.get)
    assert plan_cargo_lock(source, files.get, NEW) == (Edit("Cargo.lock", CARGO + before, CARGO + after),)


def test_a_crate_without_a_manifest_is_not_edited() -> None:
    """Unless it has another version, nothing is edited where inheritance is unknown."""
    files = workspace(cargo_entry("lost", "0.1.0"))
    source = cargo_version("Cargo.toml", files.get)
    assert plan_cargo_lock(source, files.get, NEW) == ()
    files = workspace(cargo_entry("lost"))
    with pytest.raises(RefusedError, match=r"the crate lost 1\.0\.0-dev0, and its Cargo\.toml was not found") as stop:
        plan_cargo_lock(source, files.get, NEW)
    assert "workspace.members" in stop.value.hint


@pytest.mark.parametrize("crate", ["crate", "b"])
def test_a_stale_cargo_lock_entry_is_a_differing_copy(crate: str) -> None:
    """It is found before a release, and `bump` fixes it."""
    files = workspace(cargo_entry(crate, "0.9.0") + cargo_entry("alone", "0.9.0"))
    files["pyproject.toml"] = (
        b'[build-system]\nrequires = ["maturin"]\nbuild-backend = "maturin"\n'
        b'[project]\nname = "x"\ndynamic = ["version"]\n'
    )
    project = parse_project(files["pyproject.toml"], read=files.get)
    (found,) = disagreements(project, files.get)
    assert f"Cargo.lock says 0.9.0 for the crate {crate}, but Cargo.toml " in found
    assert list(cargo_disagreements(project.source, files.get, Version("0.9.0"))) == []
    (edit,) = plan_cargo_lock(project.source, files.get, project.version)
    assert edit.new == CARGO + cargo_entry(crate) + cargo_entry("alone", "0.9.0")


def test_a_project_without_cargo_lock_needs_no_edit() -> None:
    source = cargo_version("Cargo.toml", {"Cargo.toml": CRATE.encode()}.get)
    assert plan_cargo_lock(source, {"Cargo.toml": CRATE.encode()}.get, NEW) == ()
    python = TomlVersion("pyproject.toml", "w", Version("1.0.0.dev0"), '[project]\nversion = "1.0.0.dev0"\n')
    assert plan_cargo_lock(python, {"Cargo.lock": CARGO.encode()}.get, NEW) == ()
