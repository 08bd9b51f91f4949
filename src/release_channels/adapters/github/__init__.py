"""GitHub's API, through PyGithub: read a repository, and change a few things in it."""

from release_channels.adapters.github.connect import ON_A_SCREEN, Pauses, connect

__all__ = ["ON_A_SCREEN", "Pauses", "connect"]
