"""Gates for small rivers."""

VERSION = (1, 1, 0)
__version__ = ".".join(map(str, VERSION))
