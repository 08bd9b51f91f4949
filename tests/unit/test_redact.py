"""Secrets are withheld from foreign code and redacted in output: one definition of a secret's name serves both."""

from __future__ import annotations

import pytest

from release_channels.adapters.uv import sanitized_environment
from release_channels.model.outcome import Outcome, Result
from release_channels.model.redact import SecretRedactor, printable, redact_urls, without

_SECRETS = """
    TOKEN GITHUB_TOKEN PASSWORD PGPASSWORD DB_PASS DBPASS SMTP_PASS GITLAB_PASS GPG_PASSCODE GPG_PASSPHRASE PGPASSFILE
    SSH_ASKPASS MYSQL_PWD SECRET AWS_SECRET_ACCESS_KEY API_KEY APIKEY SIGNING_KEYS PRIVATE_KEY_PEM CREDENTIALS GCP_CREDS
    CI_JOB_JWT OIDC_JWT BEARER BW_SESSION OP_SESSION_x AWS_SESSION_TOKEN NPM_AUTH DEPLOY_PAT SLACK_WEBHOOK_URL
    AZURE_CONNECTION_STRING SQLCONNSTR_MAIN SENTRY_DSN KUBECONFIG MONGO_URI MONGODB_URI REDIS_URL POSTGRES_URL
    DATABASE_URL DATABASE_URL_TEST CELERY_BROKER_URL OPENAIKEY DB_PW LDAP_BIND_PW COOKIE SESSION_COOKIE OTP TOTP_SEED
    HMAC WEBHOOK_HMAC PASSWORD_SALT WALLET_MNEMONIC
"""


@pytest.mark.parametrize("name", _SECRETS.split())
def test_a_secret_variable_is_withheld_and_redacted(name: str) -> None:
    """By its name, in lower case too, and although the project lists it."""
    for spelled in (name, name.lower()):
        assert sanitized_environment({spelled: "plain-value", "PATH": "/bin"}, [spelled]) == {"PATH": "/bin"}
        assert SecretRedactor({spelled: "plain-value"})("a plain-value here") == "a *** here"


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "PWD", "OLDPWD", "AUTHOR", "KEYBOARD", "MONKEY", "PATTERN", "DOCS_URL"]
)
def test_other_variables_are_neither_withheld_nor_redacted(name: str) -> None:
    """Although their names contain the letters of a secret's name."""
    assert sanitized_environment({name: "plain-value"}, [name]) == {name: "plain-value"}
    assert SecretRedactor({name: "plain-value"})("a plain-value here") == "a plain-value here"


@pytest.mark.parametrize("name", ["XDG_SESSION_DESKTOP", "DESKTOP_SESSION"])
def test_the_name_of_a_desktop_is_not_redacted(name: str) -> None:
    """`ubuntu` would be cut out of every text; foreign code does not need the variable."""
    assert SecretRedactor({name: "ubuntu"})("runs-on: ubuntu-latest") == "runs-on: ubuntu-latest"
    assert sanitized_environment({name: "ubuntu"}, [name]) == {}
    assert SecretRedactor({f"{name}-TOKEN": "plain-value"})("a plain-value") == "a ***"


def test_values_of_secret_variables_are_redacted() -> None:
    """By the variable's name, or because the caller lists the variable."""
    redact = SecretRedactor(
        {"MY_TOKEN": " secret-one\n", "ACME": "secret-two", "PATH": "/usr/bin", "A_KEY": "short"}, {"ACME"}
    )
    assert redact("a secret-one, a secret-two, /usr/bin, short") == "a ***, a ***, /usr/bin, short"


def test_the_longest_secret_is_redacted_first() -> None:
    """Otherwise the end of a longer one would stay."""
    assert SecretRedactor({"A_TOKEN": "secret", "B_TOKEN": "secret-and-more"})("secret-and-more secret") == "*** ***"
    assert SecretRedactor({"A_TOKEN": "secret", "B_TOKEN": "a-secret-x"})("a-secret-x") == "***"


def test_half_a_character_is_escaped() -> None:
    """And what steers a terminal is removed."""
    assert printable("a\ud800\x1b[1mb") == "a\\ud800[1mb"


def test_an_empty_secret_redacts_nothing() -> None:
    assert SecretRedactor({"A_TOKEN": "", "B_KEY": "  "})("text") == "text"


def test_secret_variables_are_left_out_of_the_environment() -> None:
    assert without({"A": "1", "B": "2"}, {"A"}) == {"B": "2"}


def test_secrets_can_be_added_later() -> None:
    """The project's own providers are known after its settings are read."""
    redact = SecretRedactor({"A_TOKEN": "secret-one"})
    redact.add({"ACME": "secret-one-two"}, {"ACME"})
    assert redact("secret-one secret-one-two") == "*** ***"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("http://ci:s3cret@127.0.0.1:8/simple/", "http://***@127.0.0.1:8/simple/"),
        ("https://s3cret@index.example/simple", "https://***@index.example/simple"),
        ("HTTPS://CI:s3cret@index.example", "HTTPS://***@index.example"),
        ("postgres+ssl://ci:s3cret@db/x", "postgres+ssl://***@db/x"),
        ("http://ci:s3@cret@index.example/", "http://***@index.example/"),
        ("(http://ci:s3cret@a/) 'http://ci:s3cret@b/'", "(http://***@a/) 'http://***@b/'"),
        ("ssh://git@host.example/a.git", "ssh://git@host.example/a.git"),
        ("https://index.example/@scope/x, me@host.example", "https://index.example/@scope/x, me@host.example"),
        ("demo @ https://host.example/x", "demo @ https://host.example/x"),
    ],
)
def test_logins_in_urls_are_redacted(text: str, redacted: str) -> None:
    """User names, passwords and tokens; `git@` and other text stay."""
    assert redact_urls(text) == redacted


def test_no_outcome_contains_a_password() -> None:
    """Message, hint and warnings are redacted in the file, the summary page and the last line."""
    text = "`uv --default-index http://ci:s3cret@127.0.0.1/simple/` exited 1"
    outcome = Outcome(Result.FAILED, text, hint=f"a\n{text}", warnings=(text, text))
    assert "s3cret" not in outcome.to_json() + outcome.to_markdown() + outcome.line
    assert outcome.hint.splitlines()[0] == "a"
