"""Find a version as setuptools does: in its own table, a module, a file, setup.cfg, or the tags. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.version import try_version
from release_channels.project.sources.base import Literal, LiteralVersion, TagTool, VersionSource
from release_channels.project.sources.ini import find_version, parse_cfg
from release_channels.project.sources.layout import SourceContext, assigned, tagged, unreadable, whole_file
from release_channels.project.sources.python_file import assigned_value, assigns, module_files, parse_python
from release_channels.project.typed_toml import decode, nested_table, resolve_inside_project

_SCM = "setuptools-scm"
_INFERRED_SINCE, _SIMPLE_SINCE = Version("9.0"), Version("9.2")
_USUAL_FILES = (".py", "/__init__.py", "/_version.py", "/version.py", "/__about__.py", "/__version__.py")
_SOME_FINAL = "1.2.3"
_USUAL_NAMES = ("__version__", "VERSION", "version")


def setuptools_source(context: SourceContext) -> VersionSource:
    """Find the version as setuptools does: in its own table, setup.cfg, or the tags.

    Raises: RefusedError if there is none, or none that can be rewritten.
    Source: setuptools' documentation of pyproject.toml and setup.cfg; setuptools-scm's of how it is enabled.
    """
    directive = context.tool("setuptools.dynamic").get("version")
    if directive is not None:
        place = f"{context.path} [tool.setuptools.dynamic].version"
        if isinstance(directive, Mapping) and len(directive) == 1:
            return _directive(context, *next(iter(directive.items())), place)
        raise RefusedError(
            f"{place} is {directive!r}", hint='write {attr = "package.__version__"} or {file = "VERSION"}'
        )
    if "setuptools_scm" in nested_table(context.document, "tool", context.path) or _is_inferred(context):
        return tagged(context, TagTool.SETUPTOOLS_SCM)
    content = context.read("setup.cfg")
    if content is not None:
        text = decode(content, "setup.cfg")
        version = parse_cfg(text, "setup.cfg").get("metadata", {}).get("version")
        if version is not None:
            return _of_cfg(context, text, version)
    content = context.read("setup.py")
    if content is not None:
        return _of_setup(context, decode(content, "setup.py"))
    if _SCM in context.build_requires:
        raise RefusedError(
            f"{context.path} declares the version dynamic, but {_SCM} only finds files without a table of its own",
            hint=f'write [tool.setuptools_scm], or "{_SCM}[simple]>={_SIMPLE_SINCE}" in the build requirements',
        )
    raise unreadable(context, "setuptools has no setting for the version")


def _is_inferred(context: SourceContext) -> bool:
    """Check whether setuptools-scm takes the version from the tags without a table of its own.

    Source: its changelog: 9.0 and 9.1 did so wherever they were required, later ones do by the extra `simple`.
    """
    for requirement in context.build_requirements:
        if canonicalize_name(requirement.name) == _SCM:
            newest = _newest_allowed(requirement.specifier)
            return "simple" in requirement.extras if newest >= _SIMPLE_SINCE else newest >= _INFERRED_SINCE
    return False


def _newest_allowed(specifiers: SpecifierSet) -> Version:
    """Return a version in the newest range that a requirement allows; the highest there is without an upper bound."""
    named = (try_version(specifier.version.removesuffix(".*")) for specifier in specifiers)
    known = {Version("9999"), Version("9.1.1"), Version("8.3.1"), *filter(None, named)}
    return max(specifiers.filter(known, prereleases=True), default=Version("0"))


def _of_cfg(context: SourceContext, text: str, version: str) -> VersionSource:
    place = "setup.cfg [metadata].version"
    for kind in ("attr", "file"):
        if version.startswith(f"{kind}:"):
            return _directive(context, kind, version.removeprefix(f"{kind}:").strip(), place)
    return LiteralVersion.of("setup.cfg", place, text, lambda text: find_version(text, "setup.cfg"))


def _of_setup(context: SourceContext, text: str) -> VersionSource:
    """Find the version that a setup.py passes on: plain text, a name, or the only literal of the package.

    The build shows whether a literal that was found in the package is the one that setup.py reads.
    Source: setuptools' keywords; setuptools-scm's documentation, `use_scm_version`.
    """
    from release_channels.project.sources.setup_file import find_keyword, read_keywords

    keywords = read_keywords(text, "setup.py")
    scm = keywords.get("use_scm_version")
    if scm is not None and not (isinstance(scm, ast.Constant) and not scm.value):
        return tagged(context, TagTool.SETUPTOOLS_SCM)
    if ast.unparse(keywords.get("version", ast.Constant(None))).startswith("versioneer."):
        return tagged(context, TagTool.VERSIONEER)
    match keywords.get("version"):
        case ast.Constant():
            return LiteralVersion.of("setup.py", "setup.py version", text, find_keyword("version", "setup.py"))
        case ast.Name(id=name) if assigned_value(parse_python(text, "setup.py"), name) is not None:
            with suppress(RefusedError):  # it is read from a file
                return assigned(context, "setup.py", name)
        case ast.Attribute(value=module, attr=name):
            files = [path for path in _places(ast.unparse(module)) if context.read(path) is not None]
            if len(files) == 1:
                return assigned(context, files[0], name)
    return _only_literal(context)


def _only_literal(context: SourceContext) -> VersionSource:
    """Return the version that one file of the package assigns, in the usual files and under the usual names.

    The file has to be named in setup.py, which then reads it; the build shows whether that is the version it passes on.
    """
    text = decode(context.read("setup.py"), "setup.py")
    package = re.sub(r"[-_.]+", "_", context.name)
    folders = (f"{base}{name}" for base in ("", "src/") for name in dict.fromkeys((package, package.lower())))
    files = [f"{folder}{end}" for folder in folders for end in _USUAL_FILES]
    found = [
        (path, name)
        for path in files
        if path.rpartition("/")[2] in text
        for content in [context.read(path)]
        for name in _USUAL_NAMES
        if content is not None and assigns(decode(content, path), name, path)
    ]
    if len(found) == 1:
        return _as_read(assigned(context, *found[0]), text)
    raise RefusedError(
        "setup.py computes the version, and "
        + (f"{len(found)} places could be where it is from" if found else "no usual file of the package assigns it"),
        hint='write it once in plain text: `__version__ = "1.2.3.dev0"` in the package, or `version="…"` in setup.py',
    )


def _as_read(source: VersionSource, setup: str) -> VersionSource:
    """Hold a literal against the patterns in setup.py that read a final there: one has to read any version.

    Another may read a part of it for something else; the build shows which one gives the version.

    Raises: RefusedError for a literal that no such pattern reads.
    """
    from release_channels.project.sources.setup_file import find_patterns

    assert isinstance(source, LiteralVersion)
    literal = source.find(source.text)
    final = f"{source.text[: literal.start]}{_SOME_FINAL}{source.text[literal.end :]}"
    patterns = [pattern for pattern in find_patterns(setup, "setup.py") if _reads(pattern, final, _SOME_FINAL)]

    def find(text: str) -> Literal:
        found = source.find(text)
        if patterns and not any(_reads(pattern, text, found.text) for pattern in patterns):
            by = f"setup.py reads {source.path} by the pattern {patterns[0].pattern!r}"
            raise RefusedError(
                f"{by}: it reads a final, not {found.text}",
                hint="change that pattern to take any version, as `[^'\"]+` does between quotes",
            )
        return found

    return LiteralVersion.of(source.path, source.where, source.text, find)


def _reads(pattern: re.Pattern[str], text: str, version: str) -> bool:
    """Check whether a pattern finds a version, as one group or as the numbers of several."""
    found = pattern.search(text)
    groups = [group for group in found.groups() if group is not None] if found else []
    return any(version in group for group in groups) or version == ".".join(groups)


def _places(module: str) -> tuple[str, ...]:
    """Return the files of a module that a setup.py imports, beside it or below src."""
    return tuple(f"{base}{path}" for base in ("", "src/") for path in module_files(module, 0, "setup.py"))


def _directive(context: SourceContext, kind: object, value: object, place: str) -> VersionSource:
    """Resolve an `attr` or a `file` of setuptools."""
    if kind == "file":
        files = [value] if isinstance(value, str) else value
        if isinstance(files, list) and len(files) == 1 and isinstance(files[0], str) and "," not in files[0]:
            return whole_file(context, resolve_inside_project(files[0].strip(), place))
    elif kind == "attr" and isinstance(value, str):
        module, _, name = value.strip().rpartition(".")
        return assigned(context, _module_file(context, module or "__init__", place), name)
    raise RefusedError(f"{place} has {kind} = {value!r}", hint='one `attr = "package.__version__"` or one file')


def _module_file(context: SourceContext, module: str, place: str) -> str:
    """Find the file of a module, in the configured directories, else in `src` and the root.

    Source: setuptools' documentation of package discovery and package_dir.
    """
    known, bases = _package_dirs(context)
    parts = module.split(".")
    stems = [f"{base}/{'/'.join(parts)}" for base in bases]
    for depth in range(1, len(parts) + 1):
        if ".".join(parts[:depth]) in known:
            stems = ["/".join((known[".".join(parts[:depth])], *parts[depth:]))]  # the longest known prefix wins
    found = []
    for stem in stems:
        files = (resolve_inside_project(f"{stem}{end}", place) for end in (".py", "/__init__.py"))
        found += [path for path in files if context.read(path) is not None][:1]
    if len(found) != 1:
        raise RefusedError(
            f"{place} names the module {module}, which is {' and '.join(found) or 'not here'}",
            hint="say in [tool.setuptools] package-dir where the packages are, and keep one of each",
        )
    return found[0]


def _package_dirs(context: SourceContext) -> tuple[Mapping[str, str], Iterable[str]]:
    """Return the directories of single packages, and those that contain all others."""
    where = context.tool("setuptools").get("package-dir", {})
    known = {str(name): str(path) for name, path in where.items()} if isinstance(where, Mapping) else {}
    packages = context.tool("setuptools").get("packages")
    found = packages.get("find", {}) if isinstance(packages, Mapping) else {}
    bases = list(found.get("where", [])) if isinstance(found, Mapping) else []
    content = context.read("setup.cfg")
    cfg = parse_cfg(decode(content, "setup.cfg"), "setup.cfg") if content is not None else {}
    for line in cfg.get("options", {}).get("package_dir", "").replace(",", "\n").splitlines():
        name, equals, path = line.partition("=")
        known |= {name.strip(): path.strip()} if equals else {}
    bases += cfg.get("options.packages.find", {}).get("where", "").split()
    root = known.pop("", None)
    return known, [root] if root is not None else [str(base) for base in bases] or [".", "src"]
