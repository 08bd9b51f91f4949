"""Run uv, which builds, publishes and creates environments, as installed with this tool."""

from __future__ import annotations

import os
import platform
import re
import sys
import threading
import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from release_channels.adapters.process import run_unchecked
from release_channels.errors import CommandError
from release_channels.model.redact import is_secret_name, redact_urls

# Not secrets by name, but access: the runner's services, an ssh agent, and the files through which a step sets what
# later steps see.
_ACCESS = re.compile(r"^ACTIONS_|^SSH_AUTH_SOCK$|^GITHUB_(ENV|PATH|OUTPUT|STATE|STEP_SUMMARY)$", re.IGNORECASE)
_OF_INSTALLERS = (
    *("UV_", "PIP_", "TWINE_", "HATCH_", "FLIT_", "POETRY_", "PDM_", "SETUPTOOLS_", "DISTUTILS_", "DIST_EXTRA_CONFIG"),
    *("PYTHON", "VIRTUAL_ENV", "NOX_"),
)
# Of uv's and pip's own variables only those that say where things are: none that decides what is chosen.
_PLACES = re.compile(
    r"UV_(CACHE_DIR|DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|INDEX_\w+_(USERNAME|PASSWORD)|OFFLINE|HTTP_TIMEOUT"
    r"|PYTHON_(DOWNLOADS|INSTALL_DIR|PREFERENCE)|SYSTEM_CERTS|NATIVE_TLS|INSECURE_HOST|KEYRING_PROVIDER|LINK_MODE"
    r"|CONCURRENT_\w+)|PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|TRUSTED_HOST|CACHE_DIR|DEFAULT_TIMEOUT)"
    # Without the proxy, whose address may hold a login, no index can be reached at all.
    r"|(HTTPS?|ALL)_PROXY|(https?|all)_proxy"
)

# The settings by which uv resolves and installs build requirements, and runs build backends.
_OF_BUILDS = frozenset(
    {"index", "index-url", "extra-index-url", "find-links", "no-index", "index-strategy", "keyring-provider"}
    | {"exclude-newer", "exclude-newer-package", "resolution", "prerelease", "allow-insecure-host", "system-certs"}
    | {"build-constraint-dependencies", "extra-build-dependencies", "extra-build-variables", "no-build-package"}
    | {"config-settings", "config-settings-package", "no-build-isolation", "no-build-isolation-package"}
    | {"no-binary", "no-binary-package", "no-build", "native-tls", "python-downloads", "python-preference"}
)


# What else foreign code gets. Nobody can list the names of all secrets, so whatever is not named here is withheld.
_NEEDED = re.compile(
    "|".join(
        (
            # the system, its user, and the terminal
            r"PATH|HOME|USER|USERNAME|LOGNAME|SHELL|PWD|OLDPWD|TMPDIR|TMP|TEMP|TZ|LANG|LANGUAGE|LC_\w+|HOSTNAME|XDG_\w+",
            r"TERM|COLORTERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|CLICOLOR(_FORCE)?",
            r"SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|APPDATA|LOCALAPPDATA|USERPROFILE|HOMEDRIVE|HOMEPATH",
            r"PROGRAMDATA|(COMMON)?PROGRAM(FILES|W6432).*|ALLUSERSPROFILE|NUMBER_OF_PROCESSORS|PROCESSOR_\w+",
            # the network
            r"NO_PROXY|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(NIX|GIT)_SSL_\w+|NODE_EXTRA_CA_CERTS",
            # compilers, and what drives them
            r"CC|CXX|CPP|FC|F77|F90|LD|AR|AS|NM|RANLIB|STRIP|OBJCOPY|WINDRES|MAKE|LIBS|LDSHARED|INCLUDE|LIB|LIBPATH|CPATH",
            r"[A-Z0-9_]*FLAGS|[A-Z0-9_]+_(PATH|DIR|DIRS|ROOT|HOME|PREFIX|VERSION|TARGET|NUM_THREADS)",
            r"(CC|CXX|AR|LD|RANLIB|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|ARFLAGS)_\w+|PKG_CONFIG|CMAKE|NINJA|NVCC|CUDACXX",
            r"(PYO3|MATURIN|OPENSSL|BOOST|PROJ)_\w+|MKLROOT|FORCE_CUDA|UNIVERSALCRTSDKDIR|AWS_CA_BUNDLE",
            r"(CMAKE|MESON|NINJA|PKG_CONFIG|CCACHE|SCCACHE|CARGO|RUST|RUSTC|RUSTUP|CGO|CUDA|ROCM|HIP|CONDA|NIX|DYLD)_\w+",
            r"(AUDITWHEEL|CIBW|CYTHON|MYPY|MYPYC|NPY|SKBUILD|SWIG|VCPKG|TORCH|MACOSX)_\w+|CIBUILDWHEEL|RUSTC|RUSTDOC",
            r"GO(PATH|ROOT|BIN|ENV|OS|ARCH|CACHE|MODCACHE|PROXY|SUMDB|TOOLCHAIN|111MODULE)|SDKROOT|DEVELOPER_DIR",
            r"VS\d+COMNTOOLS|V[CS]INSTALLDIR|VCTOOLS\w+|VSCMD_\w+|WINDOWSSDK\w+|_PYTHON_HOST_PLATFORM|SOURCE_DATE_EPOCH",
            r"(LLVM|PG|MYSQL|GEOS|GDAL|CURL|XML2|XSLT|FREETYPE|ICU)_CONFIG|MAX_JOBS|SYSTEM_VERSION_COMPAT",
            # where the job runs, and for which commit
            r"CI|TF_BUILD|GITLAB_CI|CIRCLECI|BUILDKITE|TRAVIS|IMAGEOS|IMAGEVERSION",
            r"GITHUB_(ACTIONS|SHA|REF\w*|HEAD_REF|BASE_REF|REPOSITORY\w*|RUN_\w+|WORKFLOW\w*|JOB|ACTOR|EVENT_NAME"
            r"|\w+_URL|WORKSPACE)|RUNNER_(OS|ARCH|NAME|TEMP|TOOL_CACHE|ENVIRONMENT|DEBUG)",
        )
    ),
    re.IGNORECASE,
)


# The search reads sysconfig, whose first reading is not safe where threads begin with it together.
# Source: CPython's sysconfig, which publishes its variables before they are complete (seen with 3.11.7).
_first_search = threading.Lock()


@cache
def uv_program() -> str:
    """Return the path of the uv that was installed with this tool.

    Raises: CommandError if it is gone.
    """
    from uv import find_uv_bin

    try:
        with _first_search:
            return find_uv_bin()
    except FileNotFoundError as err:
        raise CommandError(f"uv is not where it was installed: {err}", hint="install release-channels again") from err


def without_pin(project: Path, directory: Path) -> tuple[str, ...]:
    """Return the options that let this uv work in a project that pins another one; a file goes into `directory`."""
    settings = settings_without_pin(project)
    if settings is None:
        return ()
    file = directory / "uv.toml"
    file.write_text(settings, encoding="utf-8")
    return ("--config-file", str(file))


def settings_without_pin(project: Path) -> str | None:
    """Return a project's build settings of uv as a uv.toml without `required-version`.

    None where that setting does not exclude the uv of this tool: then uv reads the project's files itself.

    Source: uv's reference of settings; uv.toml comes before pyproject.toml.
    """
    own = project / "uv.toml"
    file = own if own.is_file() else project / "pyproject.toml"
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
        if file != own:
            settings = settings["tool"]["uv"]
        pin = SpecifierSet(str(settings["required-version"]))
    except (OSError, ValueError, KeyError, TypeError):  # uv or the build backend reports what it cannot read
        return None
    if pin.contains(version("uv"), prereleases=True):
        return None
    import tomlkit

    return tomlkit.dumps({key: settings[key] for key in settings if key in _OF_BUILDS})


def python_for(requires_python: str | None, running: str = platform.python_version()) -> str:
    """Return the Python to install with, as uv's --python takes it: this one, or any that the project supports.

    A requires-python that does not parse is reported with the metadata, and excludes nothing.
    """
    try:
        allowed = SpecifierSet(requires_python or "")
    except InvalidSpecifier:
        return sys.executable
    return sys.executable if allowed.contains(running, prereleases=True) else str(allowed)


def find_python(
    requires_python: str | None, *, cwd: Path, env: Mapping[str, str], uv: str | Path | None = None
) -> Path | None:
    """Return this interpreter if the project supports it, otherwise another installed one; none is downloaded.

    Raises: CommandError if uv is missing.
    """
    wanted = python_for(requires_python)
    if wanted == sys.executable:
        return Path(wanted)
    words = ("python", "find", "--no-project", "--no-python-downloads", "--", wanted)
    found = run_unchecked(uv or uv_program(), *words, cwd=cwd, env=env)
    return Path(found.text) if found.code == 0 else None


def lacks_python(said: str) -> bool:
    """Check whether uv found no Python that fits and could not get one, by what it said.

    Source: uv's messages, and the project that it downloads from.
    """
    return "No interpreter found for Python" in said or "/python-build-standalone/" in said


def python_of(environment: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# Settings whose value holds tokens among other things.
_CARRIER = re.compile(r"NIX_CONFIG$|VCPKG_BINARY_SOURCES$|CIBW_ENVIRONMENT", re.IGNORECASE)


def sanitized_environment(env: Mapping[str, str] = os.environ, more: Collection[str] = ()) -> dict[str, str]:
    """Return an environment for foreign code: needed variables, locations of indexes and caches, and those in `more`.

    What is recognised as a secret, or as access to anything, is withheld whatever its name is listed in.
    """
    kept = {
        name: value
        for name, value in env.items()
        if _PLACES.fullmatch(name) or ((_NEEDED.fullmatch(name) or name in more) and not _is_withheld(name, value))
    }
    if kept.get("UV_LINK_MODE") == "symlink":
        del kept["UV_LINK_MODE"]  # what is installed to be looked at must be there, and no links into uv's cache
    return kept


def _is_withheld(name: str, value: str) -> bool:
    """Check for a secret by its name, or by its value: a URL with a login."""
    withheld = is_secret_name(name) or _ACCESS.search(name) is not None or _CARRIER.match(name) is not None
    return withheld or name.startswith(_OF_INSTALLERS) or redact_urls(value) != value
