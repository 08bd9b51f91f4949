"""What foreign code gets of the environment: all that a build needs, and nothing that gives access."""

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
    UV_CACHE_DIR UV_DEFAULT_INDEX PIP_INDEX_URL HTTPS_PROXY https_proxy NO_PROXY XDG_CACHE_HOME KEYBOARD MONKEY
    DOCS_URL HOMEPAGE_URL PATTERN AUTHOR
"""


@pytest.mark.parametrize("name", _WITHHELD.split())
def test_a_way_to_the_runner_or_an_agent_is_withheld(name: str) -> None:
    """No secret by name (`test_redact.py` has these), but through it foreign code could reach what is not its own."""
    assert sanitized_environment({name: "plain", name.lower(): "plain", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_variables_that_a_build_needs_are_kept() -> None:
    """Compilers, languages, caches and the addresses of indexes stay as they are."""
    env = dict.fromkeys(_NEEDED.split(), "plain")
    assert sanitized_environment(env) == env


@pytest.mark.parametrize("value", ["https://ci:s3cret@host.example/x", "amqp://t0ken@host.example", "a b://c:d@e"])
def test_a_url_with_a_login_is_withheld_under_any_name(value: str) -> None:
    """The value shows the secret; a proxy and an index keep theirs, since they cannot be reached without."""
    kept = {"HTTPS_PROXY": value, "UV_DEFAULT_INDEX": value, "ORIGIN": "ssh://git@host.example/a.git"}
    assert sanitized_environment({"HARMLESS": value, **kept}) == kept


def test_the_link_mode_symlink_is_dropped() -> None:
    """Links into uv's cache lead out of the environment, and into nothing in a sandbox; other ways of uv's are kept."""
    assert "UV_LINK_MODE" not in sanitized_environment({"UV_LINK_MODE": "symlink"})
    assert sanitized_environment({"UV_LINK_MODE": "copy"}) == {"UV_LINK_MODE": "copy"}
