"""Where a project gets this tool from, and the workflow files of the tool's own repository."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.adoption.script_metadata import TOOL
from release_channels.adoption.workflows.render import Adoption, Tests, render
from release_channels.errors import UsageError
from release_channels.model.config import Config

_TESTS = Tests("uv run nox", ("lint", "typecheck", "tests"), ("3.11", "3.12", "3.13"))


def own_workflows(config: Config) -> Mapping[str, str]:
    """Return the text of each workflow file of this repository by its path."""
    return render(Adoption(config, _TESTS, is_tool=True))


@dataclass(frozen=True, slots=True)
class ToolSource:
    """The requirement that installs this tool, and its running version; `was_asked` if the user chose it."""

    requirement: str
    version: Version
    was_asked: bool = False

    @property
    def is_local(self) -> bool:
        """True if it is a file on this machine, which nobody else can install."""
        return "file:" in self.requirement

    def with_extras(self, extras: Collection[str]) -> ToolSource:
        """Return the same requirement with further extras, such as those of gate and rehearsal."""
        wanted = Requirement(self.requirement)
        wanted.extras |= set(extras)
        return replace(self, requirement=str(wanted))

    def why_not(self, requirement: str) -> str:
        """Return why a noxfile's requirement on this tool must change; empty if it can stay."""
        lacking = Requirement(self.requirement).extras - Requirement(requirement).extras
        if lacking:
            return f"it names {requirement}, without {' and '.join(f'[{extra}]' for extra in sorted(lacking))}"
        if self.was_asked:
            return f"it names {requirement}, and {self.requirement} is asked for"
        return f"it names {requirement}, and {self.version} runs here"

    def accepts(self, requirement: str) -> bool:
        """Check whether a noxfile's requirement can stay; one that the user chose replaces any other."""
        if self.was_asked or requirement == self.requirement:
            return requirement == self.requirement
        if not Requirement(self.requirement).extras <= Requirement(requirement).extras:
            return False
        if self.is_local:  # whoever runs a checkout does not want it in a project that has a release
            return True
        return "file:" not in requirement and Requirement(requirement).specifier.contains(
            self.version, prereleases=True
        )


def running_tool() -> ToolSource:
    """Return the source of the running tool: its checkout or file, otherwise its version on the index.

    Source: the direct URL specification (once PEP 610).
    """
    installed = distribution(TOOL)
    version = Version(installed.version)
    url = json.loads(installed.read_text("direct_url.json") or "{}").get("url", "")
    if url.startswith("file:"):
        return ToolSource(f"{TOOL} @ {url}", version)
    return ToolSource(f"{TOOL}=={version}", version)


def wheel_of(requirement: str) -> Path | None:
    """Return the local wheel that a requirement names; None for a checkout, a version, or a missing file."""
    address = urlsplit(Requirement(requirement).url or "") if requirement else None
    path = Path(url2pathname(address.path)) if address and address.scheme == "file" else None
    return path if path and path.is_file() else None


def asked_tool(text: str, root: Path) -> ToolSource:
    """Parse the requirement that the user chose: a specifier, a URL, or the path of a wheel or checkout.

    Raises: UsageError for what does not bring this tool.
    """
    version = running_tool().version
    path = (root / text).resolve()
    if path.exists():
        return ToolSource(f"{TOOL} @ {path.as_uri()}", version, was_asked=True)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as err:
        raise UsageError(
            f"{text!r} is neither a requirement nor a file", hint=f'--tool "{TOOL}==1.2.3", or the path of a wheel'
        ) from err
    if canonicalize_name(requirement.name) != TOOL:
        raise UsageError(f"{text!r} does not install {TOOL}", hint=f'--tool "{TOOL}==1.2.3"')
    return ToolSource(text, version, was_asked=True)
