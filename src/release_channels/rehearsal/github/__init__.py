"""GitHub double: the REST API with GitHub's rules, for one repository, in memory, on loopback."""

from release_channels.rehearsal.github.server import RunningGitHub, serve_github
from release_channels.rehearsal.github.state import Answer, Fault, GitHubState

__all__ = ["Answer", "Fault", "GitHubState", "RunningGitHub", "serve_github"]
