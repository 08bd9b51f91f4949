"""The environment of foreign code: what a build needs, without anything that gives access."""

from __future__ import annotations

import pytest

from release_channels.adapters.uv import sanitized_environment

_WITHHELD = """
    ACTIONS_RUNTIME_URL ACTIONS_CACHE_URL ACTIONS_RESULTS_URL SSH_AUTH_SOCK
    GITHUB_ENV GITHUB_PATH GITHUB_OUTPUT GITHUB_STATE GITHUB_STEP_SUMMARY
"""
_NEEDED = """
    PATH HOME LANG LC_ALL TMPDIR PWD OLDPWD SHELL TERM USER CI GITHUB_ACTIONS GITHUB_SHA GITHUB_REPOSITORY RUNNER_TEMP
    CC CXX CFLAGS LDFLAGS MAKEFLAGS CARGO_HOME RUSTFLAGS JAVA_HOME PKG_CONFIG_PATH LD_LIBRARY_PATH SSL_CERT_FILE
    UV_CACHE_DIR UV_DEFAULT_INDEX PIP_INDEX_URL HTTPS_PROXY https_proxy NO_PROXY XDG_CACHE_HOME TZ SOURCE_DATE_EPOCH
    SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE CPPFLAGS FFLAGS NPY_BLAS_ORDER CMAKE_ARGS CMAKE_BUILD_PARALLEL_LEVEL
    MACOSX_DEPLOYMENT_TARGET SDKROOT ARCHFLAGS RUSTUP_HOME RUST_BACKTRACE CARGO_BUILD_TARGET GOPATH CGO_ENABLED
    OPENSSL_DIR BOOST_ROOT CUDA_HOME TORCH_CUDA_ARCH_LIST OMP_NUM_THREADS CONDA_PREFIX CCACHE_DIR SCCACHE_DIR
    GITHUB_REF GITHUB_RUN_NUMBER GITHUB_SERVER_URL RUNNER_OS SystemRoot ProgramFiles(x86) VS140COMNTOOLS NO_COLOR
    PG_CONFIG MAX_JOBS SYSTEM_VERSION_COMPAT
    CC_aarch64_unknown_linux_gnu CFLAGS_x86_64_unknown_linux_gnu CC_FOR_BUILD PYO3_CROSS PYO3_CONFIG_FILE
    MATURIN_PEP517_ARGS OPENSSL_STATIC BOOST_INCLUDEDIR MKLROOT PKG_CONFIG CMAKE NINJA NVCC CUDACXX AWS_CA_BUNDLE
"""
# Each may hold a token among other things, whoever asks for it.
_CARRIERS = ("NIX_CONFIG", "VCPKG_BINARY_SOURCES", "CIBW_ENVIRONMENT", "CIBW_ENVIRONMENT_LINUX")
# Some of them are secrets whose names no pattern could know; what a project needs of them, it lists.
_UNKNOWN = """
    ACME ACMECODE GOOGLEX VSPHEREX LICENSE_SERVER MY_SETTING DOCS_URL HOMEPAGE_URL AUTHOR PATTERN KEYBOARD DATADOG_SITE
    GIT_CONFIG_VALUE_0 GIT_CONFIG_PARAMETERS GITHUB_STUFF NPM_CONFIG_X BASH_ENV PROMPT_COMMAND
"""


@pytest.mark.parametrize("name", _WITHHELD.split())
def test_access_to_the_runner_or_an_agent_is_withheld(name: str) -> None:
    """These are not secrets by name (`test_redact.py` has those)."""
    env = {name: "plain", name.lower(): "plain", "PATH": "/bin"}
    assert sanitized_environment(env, [name, name.lower()]) == {"PATH": "/bin"}


def test_unknown_variables_are_withheld() -> None:
    """A project adds what its build needs."""
    env = dict.fromkeys(_UNKNOWN.split(), "plain")
    assert sanitized_environment(env) == {}
    assert sanitized_environment(env, ["ACME", "MISSING"]) == {"ACME": "plain"}


@pytest.mark.parametrize("name", _CARRIERS)
def test_a_setting_that_contains_tokens_is_withheld(name: str) -> None:
    """Although its name has the prefix of needed ones, and the project lists it."""
    assert sanitized_environment({name: "access-tokens = x", "PATH": "/bin"}, [name]) == {"PATH": "/bin"}


def test_variables_that_a_build_needs_are_kept() -> None:
    """Compilers, languages, caches and the addresses of indexes."""
    env = dict.fromkeys(_NEEDED.split(), "plain")
    assert sanitized_environment(env) == env


@pytest.mark.parametrize("value", ["https://ci:s3cret@host.example/x", "amqp://t0ken@host.example", "a b://c:d@e"])
def test_a_url_with_a_login_is_withheld_under_any_name(value: str) -> None:
    """Proxies and indexes keep theirs, because they cannot be reached without."""
    kept = {"HTTPS_PROXY": value, "UV_DEFAULT_INDEX": value, "ORIGIN": "ssh://git@host.example/a.git"}
    assert (
        sanitized_environment({"HARMLESS": value, "GITHUB_SERVER_URL": value, **kept}, ["HARMLESS", "ORIGIN"]) == kept
    )


def test_the_link_mode_symlink_is_dropped() -> None:
    """Such links lead out of the environment, and to nothing in a sandbox; other modes stay."""
    assert "UV_LINK_MODE" not in sanitized_environment({"UV_LINK_MODE": "symlink"})
    assert sanitized_environment({"UV_LINK_MODE": "copy"}) == {"UV_LINK_MODE": "copy"}
