"""The `[tool.release-channels]` table as a frozen value, with the defaults of the reference document. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from datetime import date, time
from enum import StrEnum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model import grammar
from release_channels.model.findings import Allowable, parse_allowed
from release_channels.model.gate_config import GateConfig as GateConfig
from release_channels.model.gate_config import check_gate, required, setting
from release_channels.model.redact import is_secret_name

TABLE = "tool.release-channels"


class ClosedLine(StrEnum):
    """The action of a preview run while main still declares a released final version."""

    REFUSE = "refuse"
    SKIP = "skip"


class ProofPolicy(StrEnum):
    """The action of the public channel if tests or gate did not pass for the tagged commit."""

    REQUIRE = "require"
    WARN = "warn"


class Follows(StrEnum):
    """The versions that are written into a copy of the version."""

    MAIN = "main"
    FINALS = "finals"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A copy of the version or its release date in another file: literal text with `{version}` and `{date}`."""

    path: str = required("the file, relative to the project's root", grammar.PATH)
    pattern: str = required("the text to find, with `{version}`, with `{date}` (the day of the release), or with both")
    follows: Follows = setting(
        Follows.MAIN,
        "`main`: every version of main; `finals`: only finals, so that it keeps the newest one between releases; "
        "`nothing`: it is neither written nor compared",
    )

    def is_written_for(self, version: Version) -> bool:
        """Check whether a version is written into the copy."""
        return self.follows is Follows.MAIN or (self.follows is Follows.FINALS and not version.is_prerelease)


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of a project, with the default of the reference document."""

    main_branch: str = setting(
        "main", "the branch that previews are published from and tags must be contained in", grammar.REF
    )
    remote: str = setting("origin", "the git remote of the main branch", grammar.REF)
    tag_format: str = setting("v{version}", "the format of a release tag; it contains `{version}` once", grammar.REF)
    preview_environment: str = setting(
        "pypi-internal-preview", "the GitHub environment of the preview publisher", grammar.ENVIRONMENT
    )
    public_environment: str = setting(
        "pypi-public", "the GitHub environment of the public publisher", grammar.ENVIRONMENT
    )
    test_workflow: str = setting(
        "test.yml", "the workflow file whose run numbers number the previews", grammar.WORKFLOW
    )
    gate_workflow: str = setting("integration-eval.yml", "the workflow file of the integration gate", grammar.WORKFLOW)
    preview_workflow: str = setting(
        "internal-preview-release.yml", "the workflow file that publishes previews", grammar.WORKFLOW
    )
    public_workflow: str = setting(
        "public-release.yml", "the workflow file that publishes public releases", grammar.WORKFLOW
    )
    gate_environment: str = setting(
        "", "the GitHub environment with the gate's secrets; empty means the preview environment", grammar.ENVIRONMENT
    )
    github_models_secret: str = setting(
        "GH_MODELS_TOKEN", "the secret that becomes `GITHUB_MODELS_TOKEN` in the gate", grammar.SECRET
    )
    public_proof: ProofPolicy = setting(
        ProofPolicy.REQUIRE,
        "what a public release does when tests or gate did not pass for its commit: `require` or `warn`",
    )
    annotated_tags: bool = setting(False, "refuse a lightweight release tag")
    run_offset: int = setting(0, "added to every run number, for use after the test workflow's counter has restarted")
    closed_line: ClosedLine = setting(
        ClosedLine.REFUSE, "what a preview does while main still declares a released final: `refuse` or `skip`"
    )
    directory: str = setting(
        "",
        "the project's directory below the top of its repository, where it is not the top itself; sessions and tasks "
        "are started there",
        grammar.PATH_OR_NONE,
    )
    repository: str = setting("", "`owner/name` on GitHub, if it is not in `[project.urls]`", grammar.REPOSITORY)
    version_files: tuple[VersionFile, ...] = setting((), "other files that contain the version, such as CITATION.cff")
    changelog: str = setting(
        "auto", "the changelog file; `auto` looks for the usual names, and empty means none", grammar.PATH_OR_NONE
    )
    build_constraints: str = setting(
        "", "a requirements file that pins the build backend, with hashes", grammar.PATH_OR_NONE
    )
    build_environment: tuple[str, ...] = setting(
        (), "further variables that the build backend gets, by name; none that is named like a secret"
    )
    rebuild: bool = setting(True, "`check` builds a second time and compares the bytes")
    allow: tuple[str, ...] = setting(
        (),
        "what may pass although `build`, `check` or `tag` would refuse it, each case as the refusal shows it, such as "
        f"`{Allowable.SECRETS.case('data/demo.key')}`; the kinds are {', '.join(f'`{kind}`' for kind in Allowable)}",
    )
    verify_seconds: int = setting(600, "how long one install command of `verify` may take, in seconds")
    file_limit: int = setting(100 * 2**20, "the index's limit for one file, in bytes")
    project_limit: int = setting(10 * 2**30, "the index's limit for all files of the project, in bytes")
    gate: GateConfig = field(default_factory=GateConfig, metadata={"help": "the integration gate"})


_Table = TypeVar("_Table")


def parse_config(table: object) -> Config:
    """Parse the `[tool.release-channels]` table of a project.

    Raises: RefusedError that names the key by its table path, for an unknown key or a value of the wrong type.
    """
    config = parse_table(Config, table, TABLE)
    if config.tag_format.count("{version}") != 1 or set("{}") & set(config.tag_format.replace("{version}", "")):
        raise RefusedError(
            f'{TABLE}.tag-format is "{config.tag_format}"', hint='it must contain {version} once, as in "v{version}"'
        )
    if config.run_offset < 0:
        raise RefusedError(f"{TABLE}.run-offset is {config.run_offset}", hint="it must be 0 or above")
    if config.verify_seconds < 1:
        raise RefusedError(f"{TABLE}.verify-seconds is {config.verify_seconds}", hint="it must be 1 or above")
    for name in config.build_environment:
        if not grammar.SECRET.takes(name) or is_secret_name(name):
            raise RefusedError(
                f"{TABLE}.build-environment has {name!r}",
                hint="it takes names of variables, and none of a secret: a build backend runs foreign code",
            )
    for number, file in enumerate(config.version_files):
        _check_version_file(file, f"{TABLE}.version-files[{number}]")
    check_gate(config.gate, f"{TABLE}.gate")
    allow = (parse_allowed(entry, f"{TABLE}.allow[{number}]") for number, entry in enumerate(config.allow))
    return replace(config, allow=tuple(allow))


def _check_version_file(file: VersionFile, path: str) -> None:
    times = [file.pattern.count(placeholder) for placeholder in ("{version}", "{date}")]
    if max(times) != 1:
        raise RefusedError(
            f'{path}.pattern is "{file.pattern}"',
            hint='it must contain {version} once or {date} once, or both: "version: {version}"',
        )
    rest = file.pattern.replace("{version}", "").replace("{date}", "")
    # A file that is nothing but the version needs no text around it.
    if "\n" in file.pattern or not (rest.strip() or file.pattern == "{version}"):
        raise RefusedError(
            f'{path}.pattern is "{file.pattern}"', hint="write one line, with literal text around the placeholder"
        )


def parse_table(shape: type[_Table], table: object, path: str) -> _Table:
    """Parse a TOML table into a dataclass whose field names, with dashes, are the table's keys.

    Raises: RefusedError that names the key by its table path.
    """
    if not isinstance(table, Mapping):
        raise RefusedError(f"[{path}] is not a table", hint=f"write [{path}] and keys below it")
    types = get_type_hints(shape)
    known = {item.name.replace("_", "-"): types[item.name] for item in fields(shape)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise RefusedError(f"{path}.{key} is not a key of release-channels", hint=_nearest(key, list(known)))
    for item in fields(shape):  # type: ignore[arg-type]
        key = item.name.replace("_", "-")
        if item.default is MISSING and item.default_factory is MISSING and key not in table:
            raise RefusedError(f"{path} has no {key}", hint=f"write {key}: {item.metadata['help']}")
    values = {key.replace("-", "_"): _parse(known[key], value, f"{path}.{key}") for key, value in table.items()}
    for item in fields(shape):  # type: ignore[arg-type]
        form, value = item.metadata.get("grammar"), values.get(item.name)
        if form is not None and isinstance(value, str) and not form.takes(value):
            raise RefusedError(f"{path}.{item.name.replace('_', '-')} is {value!r}", hint=form.form)
    return shape(**values)


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key.replace("_", "-").lower(), known, n=1)
    return f"did you mean {close[0]}?" if close else "known keys: " + ", ".join(known)


def _parse_list(kind: Any, value: object, path: str) -> tuple[object, ...]:
    """Parse a list of tables, of strings, or of lists of strings."""
    if not isinstance(value, list):
        raise RefusedError(f"{path} is {_written(value)}", hint=_list_hint(kind, path))
    if isinstance(kind, type) and is_dataclass(kind):
        return tuple(parse_table(kind, item, f"{path}[{number}]") for number, item in enumerate(value))
    return tuple(_parse(kind, item, f"{path}[{number}]") for number, item in enumerate(value))


def _list_hint(kind: Any, path: str) -> str:
    if is_dataclass(kind):
        return f"it must be a list of tables: [[{path}]]"
    return (
        'it must be a list of strings: ["one", "two"]'
        if kind is str
        else 'it must be a list of lists of strings: [["one", "two"]]'
    )


def _written(value: object) -> str:
    """Format a value as TOML writes it; strings in Python's quotes, which show every sign."""
    match value:
        case bool():
            return str(value).lower()
        case date() | time():
            return value.isoformat()
        case list():
            return f"[{', '.join(map(_written, value))}]"
        case dict():
            return f"{{{', '.join(f'{key} = {_written(one)}' for key, one in value.items())}}}"
        case _:
            return repr(value)


def _parse(kind: Any, value: object, path: str) -> object:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        allowed = [member.value for member in kind]
        if value not in allowed:
            raise RefusedError(f"{path} is {_written(value)}", hint="it must be one of: " + ", ".join(allowed))
        return kind(value)
    if isinstance(kind, type) and is_dataclass(kind):
        return parse_table(kind, value, path)
    if get_origin(kind) is tuple:
        return _parse_list(get_args(kind)[0], value, path)
    if isinstance(value, str) and "\0" in value:
        raise RefusedError(f"{path} is {_written(value)}", hint="it must not contain a NUL")
    if type(value) is not kind:  # `type is`, since True is an int to isinstance
        names = {str: "a string", int: "a whole number", bool: "true or false"}
        raise RefusedError(f"{path} is {_written(value)}", hint=f"it must be {names.get(kind, kind.__name__)}")
    return value
