"""What code of others may see of the environment: what it needs to build, and nothing that opens a door."""

from __future__ import annotations

import pytest

from release_channels.adapters.uv import sanitized_environment

_SECRETS = """
    DB_PASS DBPASS SMTP_PASS GITLAB_PASS GPG_PASSCODE GPG_PASSPHRASE PGPASSWORD PGPASSFILE MYSQL_PWD SSH_ASKPASS
    CI_JOB_JWT OIDC_JWT BW_SESSION OP_SESSION_x AWS_SESSION_TOKEN AZURE_CONNECTION_STRING SQLCONNSTR_MAIN
    MONGO_URI MONGODB_URI REDIS_URL POSTGRES_URL DATABASE_URL DATABASE_URL_TEST CELERY_BROKER_URL SENTRY_DSN
    GITHUB_TOKEN NPM_AUTH DEPLOY_PAT API_KEY SIGNING_KEYS SLACK_WEBHOOK_URL AWS_SECRET_ACCESS_KEY KUBECONFIG
    ACTIONS_RUNTIME_URL ACTIONS_CACHE_URL ACTIONS_RESULTS_URL SSH_AUTH_SOCK
    GITHUB_ENV GITHUB_PATH GITHUB_OUTPUT GITHUB_STATE GITHUB_STEP_SUMMARY
"""
_NEEDED = """
    PATH HOME LANG LC_ALL TMPDIR PWD OLDPWD SHELL TERM USER CI GITHUB_ACTIONS GITHUB_SHA GITHUB_REPOSITORY RUNNER_TEMP
    CC CXX CFLAGS LDFLAGS MAKEFLAGS CARGO_HOME RUSTFLAGS JAVA_HOME PKG_CONFIG_PATH LD_LIBRARY_PATH SSL_CERT_FILE
    UV_CACHE_DIR UV_DEFAULT_INDEX PIP_INDEX_URL HTTPS_PROXY https_proxy NO_PROXY XDG_CACHE_HOME KEYBOARD MONKEY
    DOCS_URL HOMEPAGE_URL PATTERN AUTHOR
"""


@pytest.mark.parametrize("name", _SECRETS.split())
def test_what_is_named_like_a_secret_is_withheld(name: str) -> None:
    """A name is enough, in small letters too: what it holds may be anything."""
    assert sanitized_environment({name: "plain", name.lower(): "plain", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_what_a_build_needs_comes_along() -> None:
    """Compilers, languages, caches and the addresses of indexes stay as they are."""
    env = dict.fromkeys(_NEEDED.split(), "plain")
    assert sanitized_environment(env) == env


@pytest.mark.parametrize("value", ["https://ci:s3cret@host.example/x", "amqp://t0ken@host.example", "a b://c:d@e"])
def test_an_address_with_a_login_is_withheld_under_any_name(value: str) -> None:
    """A value tells what a name does not; a proxy and an index are reached with theirs, or not at all."""
    kept = {"HTTPS_PROXY": value, "UV_DEFAULT_INDEX": value, "ORIGIN": "ssh://git@host.example/a.git"}
    assert sanitized_environment({"HARMLESS": value, **kept}) == kept


def test_what_is_installed_to_be_looked_at_is_no_link() -> None:
    """Links into uv's cache lead out of the environment, and into nothing in a sandbox; other ways of uv's are kept."""
    assert "UV_LINK_MODE" not in sanitized_environment({"UV_LINK_MODE": "symlink"})
    assert sanitized_environment({"UV_LINK_MODE": "copy"}) == {"UV_LINK_MODE": "copy"}
