"""GitHub's API, through PyGithub: what a repository shows, and the few things that are done to it."""

from release_channels.adapters.github.client import GitHub
from release_channels.adapters.github.connect import Pauses, connect

__all__ = ["GitHub", "Pauses", "connect"]
