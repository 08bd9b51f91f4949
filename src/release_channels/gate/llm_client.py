"""Query a model through the openai client: bounded in time and size, and quoted in no message."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from release_channels.adapters.actions_env import is_loopback, is_rehearsal
from release_channels.errors import RefusedError, ReleaseError
from release_channels.gate.providers import Configured
from release_channels.model.strict_json import StrictJsonReader

if TYPE_CHECKING:
    import httpx2
    import openai

_MAX_ANSWER = 8 * 2**20  # bytes
_MAX_WAIT = 10.0  # seconds
_READER = StrictJsonReader("the response", hint="")
# Only these fields of a response go back with the conversation; some models need their own reasoning again.
_KEPT = ("role", "content", "tool_calls", "reasoning_content")


class ModelError(ReleaseError):
    """A model did not answer as the API specifies; the message contains no key, header or body."""

    def __init__(self, message: str, *, may_pass: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.may_pass = may_pass
        """True if a retry may help."""
        self.wait = wait


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that the model requests; the arguments are a string that should be JSON."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """One completion: its text, its tool calls and the tokens used; `message` is for the conversation."""

    text: str
    calls: tuple[ToolCall, ...]
    tokens: int
    message: Mapping[str, Any]


@dataclass
class ChatModel:
    """A provider's model behind an open client; `pause` is the seconds before a retry."""

    configured: Configured
    client: openai.OpenAI
    pause: float = 2.0
    """The delay in seconds before the one retry, where the server names none."""
    _deadline: float = field(default=0.0, repr=False)
    _stream: Any = field(default=None, repr=False)

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
        tokens: int,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> ModelResponse:
        """Request one completion of at most `tokens` tokens within `seconds`; retry once where that may help.

        Raises: ModelError
        """
        end = time.monotonic() + seconds
        try:
            return self._once(messages, end, tokens, tools)
        except ModelError as err:
            wait = min(self.pause if err.wait is None else err.wait, _MAX_WAIT)
            if not err.may_pass or time.monotonic() + wait >= end:
                raise
            time.sleep(wait)
        return self._once(messages, end, tokens, tools)

    def _once(
        self, messages: Sequence[Mapping[str, Any]], end: float, tokens: int, tools: Sequence[Mapping[str, Any]]
    ) -> ModelResponse:
        import httpx2
        import openai

        left = max(end - time.monotonic(), 0.01)
        self._deadline = end
        words: dict[str, Any] = {
            "model": self.configured.model,
            "messages": list(messages),
            self.configured.provider.limit: tokens,
            **({"tools": list(tools)} if tools else {}),
        }
        timer = threading.Timer(left, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            raw = self.client.chat.completions.with_raw_response.create(**words, timeout=left)
            return _parse(raw.http_response.content)
        # Without the cause: a provider's error may quote the request, including the key.
        except openai.APIStatusError as err:
            raise _status(err) from None
        except (openai.APIConnectionError, httpx2.HTTPError) as err:
            if time.monotonic() >= end:
                raise ModelError(_late(left)) from None
            raise _connection(err, left) from None
        except openai.OpenAIError as err:
            raise ModelError(f"the client failed: {type(err).__name__}") from None
        finally:
            timer.cancel()

    def watch(self, request: httpx2.Request) -> None:
        """Keep the connection of a request, to end it at the deadline."""
        request.extensions["trace"] = self._keep_stream

    def _keep_stream(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep what the client has connected. Source: httpcore's documentation of its trace extension."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._stream = info["return_value"]

    def _hang_up(self) -> None:
        """End the connection: the library's own wait begins again with each byte of a header."""
        connected = self._stream and self._stream.get_extra_info("socket")
        if connected:
            with suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def bound(self, response: httpx2.Response) -> None:
        """Limit the time and the size of a response's body, which must not be compressed: nobody asked for it.

        Raises: DecodingError if it is.
        """
        import httpx2

        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.DecodingError("the response is compressed", request=response.request)
        response.stream = _bounded(response.stream, lambda: time.monotonic() > self._deadline)


@contextmanager
def open_model(configured: Configured, env: Mapping[str, str], *, pause: float = 2.0) -> Iterator[ChatModel]:
    """Open a client for a provider within the block, without a request yet; `pause` is the seconds before a retry.

    Raises: RefusedError if the openai package is missing; ModelError for an address that must not receive a key.
    """
    try:
        import httpx2
        import openai
    except ImportError as err:
        raise RefusedError(
            f"the gate queries models through the package openai, which is not installed: {err}",
            hint='write "release-channels[gate]" in the noxfile\'s block, or `pip install "release-channels[gate]"`',
        ) from err
    check_address(configured.base_url, env)
    # nox enables every library's log; these log each request, and with OPENAI_LOG its headers and body.
    for name in ("openai", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    model: ChatModel
    with (
        # No redirects: a response from another server is not the provider's.
        httpx2.Client(
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
            event_hooks={
                "request": [lambda request: model.watch(request)],
                "response": [lambda got: model.bound(got)],
            },
        ) as http,
        openai.OpenAI(
            api_key=configured.key, base_url=configured.base_url, organization="", project="", max_retries=0,
            http_client=http,
        ) as client,
    ):  # fmt: skip
        model = ChatModel(configured, client, pause)
        yield model


def check_address(base_url: str, env: Mapping[str, str]) -> None:
    """Refuse an address that must not receive a key.

    Raises: ModelError
    """
    try:
        parts = urlsplit(base_url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.username or parts.query)
        _ = parts.port
    except ValueError:
        plain = False
    if not plain:
        raise ModelError("its address is not the plain URL of an API")
    if parts.scheme == "http" and not is_loopback(base_url):
        raise ModelError("its address is not https, and the key would travel unencrypted")
    if is_rehearsal(env) and not is_loopback(base_url):
        raise ModelError("its address is not on this machine, and this is a rehearsal")


def _bounded(stream: Any, is_late: Callable[[], bool]) -> httpx2.SyncByteStream:
    import httpx2

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for chunk in stream:
                size += len(chunk)
                if is_late():
                    raise httpx2.ReadTimeout("the whole response took too long")
                if size > _MAX_ANSWER:
                    raise httpx2.DecodingError("the response is too large")
                yield chunk

        def close(self) -> None:
            stream.close()

    return Bounded()


_MEANINGS = {
    401: "the key is refused",
    402: "no credit is left",
    403: "the key may not do this",
    404: "there is no such model or address",
    429: "the quota or the rate limit is reached",
}


def _status(err: openai.APIStatusError) -> ModelError:
    code = err.status_code
    meaning = _MEANINGS.get(code) or ("the server failed" if code >= 500 else "the request was refused")
    retries = err.response.headers.get("retry-after", "")
    wait = float(retries) if retries.isascii() and retries.isdigit() else None
    return ModelError(f"{code}: {meaning}", may_pass=code == 429 or code >= 500, wait=wait)


def _connection(err: BaseException, seconds: float) -> ModelError:
    import httpx2
    import openai

    causes = list(_causes(err))
    if any(isinstance(cause, openai.APITimeoutError | httpx2.TimeoutException) for cause in causes):
        return ModelError(_late(seconds))
    if any(isinstance(cause, ssl.SSLError) or "CERTIFICATE_VERIFY" in str(cause) for cause in causes):
        return ModelError("TLS: its certificate is not trusted")
    if any(isinstance(cause, httpx2.DecodingError) for cause in causes):
        return ModelError(f"the response cannot be decoded, or is larger than {_MAX_ANSWER} bytes")
    if any(isinstance(cause, httpx2.RemoteProtocolError | httpx2.ReadError) for cause in causes):
        return ModelError("the response was cut short", may_pass=True)
    return ModelError("the connection failed", may_pass=True)


def _late(seconds: float) -> str:
    return f"no answer within {seconds:.0f} s"


def _causes(err: BaseException | None) -> Iterator[BaseException]:
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__


def _parse(content: bytes) -> ModelResponse:
    """Parse a completion.

    Raises: ModelError
    Source: OpenAI's API reference, the chat completion object.
    """
    try:
        table: Any = _READER.parse(content.decode("utf-8-sig"))
        choices = table.get("choices") if isinstance(table, dict) else None
        first = choices[0] if isinstance(choices, list) and choices else None
        _READER.require(first is not None, "it contains no choice")
        message = _READER.nested(first, "message")
        text, calls = message.get("content"), message.get("tool_calls") or []
        _READER.require(isinstance(text, str | None) and isinstance(calls, list), "it contains no message")
        tool_calls = tuple(map(_parse_call, calls))
    except UnicodeDecodeError:
        raise ModelError("the response is not JSON: it is not UTF-8") from None
    except RefusedError as err:
        raise ModelError(str(err)) from None
    kept = {key: message[key] for key in _KEPT if message.get(key) is not None}
    # Some servers require the key `content` even where it is null.
    return ModelResponse(text or "", tool_calls, _tokens(table), {"content": None, **kept})


def _parse_call(call: Any) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    values = (call.get("id"), function.get("name"), function.get("arguments")) if isinstance(function, dict) else (0,)
    _READER.require(all(isinstance(value, str) for value in values), "it contains a malformed tool call")
    return ToolCall(*values)


def _tokens(table: Mapping[str, Any]) -> int:
    usage = table.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if type(total) is int and total > 0 else 0
