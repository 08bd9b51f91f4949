"""Gates for small rivers."""

__version__ = "1.1.0"
