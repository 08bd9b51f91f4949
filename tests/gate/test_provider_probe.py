"""The probe against servers with correct, wrong, slow and missing answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme
from werkzeug.wrappers import Request, Response

from release_channels.adapters.http_server import Tls
from release_channels.errors import RefusedError
from release_channels.gate.provider_probe import choose_provider
from release_channels.gate.providers import Configured, in_order, provider_statuses
from release_channels.model.gate_config import GateConfig
from release_channels.rehearsal.fake_llm import ModelServer, Reply, completion, refusal, serve_model

KEY = "SECRET-probe-key"


def _environment(url: str, **more: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1", **more}


def _choose(env: Mapping[str, str], *, seconds: float = 5, pause: float = 0.01) -> Configured:
    statuses = provider_statuses(in_order(GateConfig()), env)
    return choose_provider(statuses, env, seconds=seconds, secret="GH_MODELS_TOKEN", pause=pause)


def _refused(env: Mapping[str, str], *, seconds: float = 5) -> str:
    """Return the line of the failed provider."""
    with pytest.raises(RefusedError, match="no model provider answers") as stop:
        _choose(env, seconds=seconds)
    assert KEY not in f"{stop.value} {stop.value.hint}"
    return next(line for line in stop.value.hint.splitlines() if line.startswith("openai: "))


@pytest.fixture
def server(offline: None) -> ModelServer:
    """A server that accepts the probe's key."""
    return ModelServer(keys=frozenset({KEY}))


def test_a_provider_that_answers_is_chosen(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Its line contains the duration, the others that they are not configured."""
    with serve_model(server) as running:
        assert _choose(_environment(running.url)).name == "openai"
    output = capsys.readouterr().err
    assert "answered in 0." in output
    assert "deepseek       not configured: DEEPSEEK_API_KEY is not set" in output
    assert server.asked[0]["max_completion_tokens"] == 512


def test_the_next_provider_is_tried_after_a_failed_one(server: ModelServer) -> None:
    """A refused key."""
    with serve_model(server) as running:
        env = _environment(running.url, DEEPSEEK_API_KEY="wrong-key", DEEPSEEK_BASE_URL=f"{running.url}/v1")
        assert _choose(env).name == "openai"
    assert [request.split()[-1] for request in running.requests] == ["401", "200"]


@pytest.mark.parametrize(
    ("answer", "message", "times"),
    [
        pytest.param(lambda: refusal(401, f"Incorrect API key: {KEY}"), "401: the key is refused", 1, id="401"),
        pytest.param(lambda: refusal(402, "Insufficient Balance"), "402: no credit is left", 1, id="402"),
        pytest.param(lambda: refusal(403, "Forbidden"), "403: the key may not do this", 1, id="403"),
        pytest.param(lambda: refusal(404, "no model"), "404: there is no such model or address", 1, id="404"),
        pytest.param(lambda: refusal(429, "slow down"), "429: the quota or the rate limit is reached", 2, id="429"),
        pytest.param(lambda: refusal(400, f"bad: {KEY}"), "400: the request was refused", 1, id="400"),
        pytest.param(lambda: refusal(500, "broken"), "500: the server failed", 2, id="500"),
        pytest.param(lambda: refusal(503, "busy"), "503: the server failed", 2, id="503"),
        pytest.param(
            lambda: Response("<h1>Sign in</h1>", content_type="text/html"), "the response is not JSON", 1, id="HTML"
        ),
        pytest.param(
            lambda: Response("<h1>Sign in</h1>", content_type="application/json"), "not JSON", 1, id="HTML as JSON"
        ),
        pytest.param(
            lambda: Response('{"choices": [{"message": {"cont', content_type="application/json"), "not JSON", 1,
            id="truncated JSON",
        ),
        pytest.param(lambda: _json('{"choices": []}'), "it contains no choice", 1, id="empty choices"),
        pytest.param(lambda: _json("{}"), "it contains no choice", 1, id="no choices"),
        pytest.param(lambda: _json("[]"), "it contains no choice", 1, id="a list"),
        pytest.param(
            lambda: _json('{"choices": [{"message": {"content": 5}}]}'), "it contains no message", 1, id="a number"
        ),
        pytest.param(lambda: _json('{"choices": [{}]}'), "`message` must be an object", 1, id="no message"),
        pytest.param(
            lambda: _json('{"choices": [{"message": {"tool_calls": [{"id": "1", "function": {"name": "x"}}]}}]}'),
            "it contains a malformed tool call", 1, id="no arguments",
        ),
        pytest.param(
            lambda: _json('{"choices": [{"message": {"tool_calls": ["x"]}}]}'), "it contains a malformed tool call", 1,
            id="no tool call",
        ),
        pytest.param(
            lambda: Response(b'{"\xff": 1}', content_type="application/json"), "the response is not JSON", 1,
            id="not UTF-8",
        ),
        pytest.param(lambda: completion(Reply("  \n"), "m"), "the answer is empty", 1, id="blank content"),
        pytest.param(lambda: completion(Reply(None), "m"), "the answer is empty", 1, id="no content"),
        pytest.param(
            lambda: Response(status=302, headers={"Location": "http://127.0.0.1:9/v1"}), "302: the request was", 1,
            id="a redirect",
        ),
        pytest.param(lambda: _json("[" * 100_000), "not JSON", 1, id="deep JSON"),
        pytest.param(lambda: _json(" " * (9 << 20)), "larger than", 1, id="a flood"),
    ],
)  # fmt: skip
def test_a_wrong_response_is_reported_in_plain_words(
    server: ModelServer, answer: Callable[[], Response], message: str, times: int
) -> None:
    """It is retried only where that may help; no line quotes the server."""
    server.faults.append(lambda request: answer())
    with serve_model(server) as running:
        assert message in _refused(_environment(running.url))
    assert len(running.requests) == times


def _json(text: str) -> Response:
    return Response(text, content_type="application/json")


def test_a_rate_limit_is_retried(server: ModelServer) -> None:
    """After one 429 the provider is queried again and chosen."""
    answers = iter([refusal(429, "slow down")])
    server.faults.append(lambda request: next(answers, None))
    with serve_model(server) as running:
        assert _choose(_environment(running.url)).name == "openai"
    assert len(running.requests) == 2


@contextmanager
def _hanging(server: ModelServer) -> Iterator[None]:
    """Make the server hold every request until the block ends."""
    released = threading.Event()

    def hold(request: Request) -> Response | None:
        released.wait(30)
        return None

    server.faults.append(hold)
    try:
        yield
    finally:
        released.set()


def test_a_hanging_server_times_out(server: ModelServer) -> None:
    with serve_model(server) as running, _hanging(server):
        assert _refused(_environment(running.url), seconds=0.3) == "openai: no answer within 0 s"


def test_a_slow_server_is_chosen(server: ModelServer) -> None:
    """Within the time limit."""

    def late(request: Request) -> None:
        time.sleep(0.2)

    server.faults.append(late)
    with serve_model(server) as running:
        assert _choose(_environment(running.url)).name == "openai"


@contextmanager
def _raw(*pieces: bytes, forever: bytes = b"") -> Iterator[str]:
    """Answer each connection with these pieces and close it, or repeat one piece until the block ends."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection, suppress(OSError):  # the client may close it first
                    connection.settimeout(5)
                    connection.recv(1 << 16)
                    connection.sendall(b"".join(pieces))
                    while forever and not ended.wait(0.05):
                        connection.sendall(forever)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


def test_a_truncated_response_is_an_error(offline: None) -> None:
    """The stream ends before its announced length."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    with _raw(head + b'{"choices": [{"message": {"content": "ready"') as url:
        assert _refused(_environment(url)) == "openai: the response was cut short"


def test_an_endless_stream_times_out(offline: None) -> None:
    """Single bytes do not extend the time limit."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with _raw(head, forever=b"1\r\n \r\n") as url:
        assert _refused(_environment(url), seconds=0.5).startswith("openai: no answer within")


def test_a_self_signed_certificate_is_not_trusted(server: ModelServer, tmp_path: Path) -> None:
    """TLS is verified before the key is sent."""
    authority = trustme.CA()
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(key)
    for pem in issued.cert_chain_pems:
        pem.write_to_path(cert, append=True)
    with serve_model(server, tls=Tls(cert, key)) as running:
        assert _refused(_environment(running.url)) == "openai: TLS: its certificate is not trusted"
    assert running.requests == ()


def test_a_closed_port_is_reported(offline: None) -> None:
    """The connection is tried twice."""
    assert _refused(_environment("http://127.0.0.1:9")) == "openai: the connection failed"


@pytest.mark.parametrize(
    ("url", "more", "message"),
    [
        ("http://models.example", {}, "not https"),
        ("https://user:pw@models.example", {}, "not the plain URL"),
        ("ftp://models.example", {}, "not the plain URL"),
        ("models.example", {}, "not the plain URL"),
        ("https://models.example", {"RELEASE_CHANNELS_REHEARSAL": "file"}, "this is a rehearsal"),
    ],
)
def test_a_key_is_sent_to_no_unsafe_address(offline: None, url: str, more: dict[str, str], message: str) -> None:
    """Unencrypted, malformed, or, in a rehearsal, on another machine."""
    assert message in _refused(_environment(url, **more))


def test_without_any_key_the_refusal_lists_the_secrets(offline: None) -> None:
    """Of every provider, and how GitHub Models gets its token although its name is not allowed."""
    with pytest.raises(RefusedError) as stop:
        _choose({})
    hint = stop.value.hint
    for words in ("DEEPSEEK_API_KEY", "LITELLM_API_KEY or BF_TOKEN", "GH_MODELS_TOKEN", "models: read", "GITHUB_"):
        assert words in hint
    assert hint.count("not configured") == 6
