"""The addresses of the public indexes: those of the library that uploads there, read without importing it."""

from __future__ import annotations

import subprocess
import sys

import twine.utils

from release_channels.adapters.index import remote_index


def test_the_addresses_are_those_that_the_uploading_library_has() -> None:
    """Constants that are assigned in another way are imported."""
    addresses = [remote_index(name, (), in_actions=False).upload_url for name in ("pypi", "testpypi")]
    assert addresses == [twine.utils.DEFAULT_REPOSITORY, twine.utils.TEST_REPOSITORY]


def test_the_library_is_not_imported_for_them() -> None:
    """Its import is a quarter of a task."""
    code = (
        "import sys; from release_channels.adapters.index import remote_index, upstream_url; "
        "remote_index('pypi', (), in_actions=False), upstream_url({}); print('twine' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "False\n"
