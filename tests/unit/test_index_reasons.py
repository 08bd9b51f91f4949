"""The reason why an index did not answer, as a message."""

from __future__ import annotations

import pytest
from requests.exceptions import ProxyError as RequestsProxyError
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, ProxyError

from release_channels.adapters.index import reason_of

REASONS = {
    "refused": (OSError("x: [Errno 111] Connection refused"), "cannot connect to the proxy: Connection refused"),
    "forbidden": (OSError("Tunnel failed: 403 Forbidden"), "cannot connect to the proxy: Tunnel failed: 403 Forbidden"),
}


@pytest.mark.parametrize(("cause", "reason"), REASONS.values(), ids=REASONS)
def test_a_proxy_failure_is_a_plain_message(cause: Exception, reason: str) -> None:
    """No library object is printed."""
    failed = MaxRetryError(HTTPConnectionPool("index"), "/simple/", ProxyError("Unable to connect to proxy", cause))
    assert reason_of(RequestsProxyError(failed)) == reason
