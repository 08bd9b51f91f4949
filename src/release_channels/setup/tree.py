"""The project as its working tree has it, which is what `init` writes into and documents are kept in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from release_channels.errors import RefusedError
from release_channels.project.pyproject import PYPROJECT, Project, parse_project


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory with a project in it."""

    root: Path

    def read(self, path: str) -> bytes | None:
        """Read a file, byte for byte; None where there is none.

        Raises: RefusedError if it cannot be read.
        """
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            raise RefusedError(f"{path} cannot be read: {err.strerror or err}", hint="mend it, and try again") from err

    def text(self, path: str) -> str | None:
        """Read a text file as it is, its line endings too; None where there is none.

        Raises: RefusedError if it is not UTF-8.
        """
        content = self.read(path)
        if content is None:
            return None
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as err:
            raise RefusedError(
                f"{path} is not UTF-8: byte {err.start} cannot be read", hint="save it as UTF-8"
            ) from err

    def project(self) -> Project:
        """Read the project.

        Raises: RefusedError for a project that cannot be released, or where there is none.
        """
        content = self.read(PYPROJECT)
        if content is None:
            raise RefusedError(
                f"there is no {PYPROJECT} in {self.root}", hint="start at the top of a project that has one"
            )
        return parse_project(content, PYPROJECT, read=self.read)
