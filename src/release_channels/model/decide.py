"""Decide what a request means for the observed state. Pure.

One function serves every session and task, so that they cannot disagree.
"""

from __future__ import annotations

from release_channels.model.config import Config
from release_channels.model.observed import Observed
from release_channels.model.plan import Plan, Reason, Request, Verdict
from release_channels.model.preview_rules import decide_preview
from release_channels.model.public_rules import decide_public
from release_channels.model.version import Channel

__all__ = ["Plan", "Reason", "Request", "Verdict", "decide"]


def decide(observed: Observed, request: Request, config: Config) -> Plan:
    """Build the plan that answers a request.

    Raises: UsageError if no run number is given where none may be counted.
    """
    rules = {Channel.PREVIEW: decide_preview, Channel.PUBLIC: decide_public}
    return rules[request.channel](observed, request, config)
