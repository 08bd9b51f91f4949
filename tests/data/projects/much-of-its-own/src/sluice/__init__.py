"""Gates for small rivers."""

import importlib.metadata
import sys


def main() -> None:
    """Print the version."""
    print("sluice", importlib.metadata.version("sluice"), *sys.argv[1:])


def open_gate() -> None:
    """Open the gate."""
    print("open", *sys.argv[1:])
