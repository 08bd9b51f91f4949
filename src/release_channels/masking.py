"""Addresses without who logs in there: a message is read by more people than a password is meant for. Pure."""

from __future__ import annotations

import re

# `git` is a name that everybody knows; any other name without a password may be a token.
_USER = re.compile(r"(?<=://)(?!git@)[^/\s'\"<>]+@")


def mask(text: str) -> str:
    """Take user names, passwords and tokens out of every address in a text.

    Source: RFC 3986, userinfo; the last `@` before the path counts, for passwords in which one was not encoded.
    """
    return _USER.sub("***@", text)
