"""The veil over secrets."""

from __future__ import annotations

from release_channels.model.redact import SecretRedactor, without


def test_values_of_secret_variables_are_hidden_wherever_they_stand() -> None:
    """By the variable's name, or because somebody names the variable."""
    veil = SecretRedactor(
        {"MY_TOKEN": " secret-one\n", "ACME": "secret-two", "PATH": "/usr/bin", "A_KEY": "short"}, {"ACME"}
    )
    assert veil("a secret-one, a secret-two, /usr/bin, short") == "a ***, a ***, /usr/bin, short"


def test_one_secret_that_begins_another_hides_both() -> None:
    """The longest goes first, so that no end of it is left."""
    assert SecretRedactor({"A_TOKEN": "secret", "B_TOKEN": "secret-and-more"})("secret-and-more secret") == "*** ***"


def test_an_empty_secret_hides_nothing() -> None:
    """A variable that is set to nothing must not tear texts apart."""
    assert SecretRedactor({"A_TOKEN": "", "B_KEY": "  "})("text") == "text"


def test_variables_are_left_out_by_name() -> None:
    """The environment of foreign code has none of them."""
    assert without({"A": "1", "B": "2"}, {"A"}) == {"B": "2"}


def test_what_is_learned_later_is_hidden_as_well() -> None:
    """The project's own providers are known once its settings are read."""
    veil = SecretRedactor({"A_TOKEN": "secret-one"})
    veil.learn({"ACME": "secret-one-two"}, {"ACME"})
    assert veil("secret-one secret-one-two") == "*** ***"
