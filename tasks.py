"""The tasks of this repository: those that everybody gets."""

from release_channels.tasks import ns

__all__ = ["ns"]
