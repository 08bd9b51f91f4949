"""One model, asked through the openai client: bounded in time and size, and quoted in no message."""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from release_channels.adapters.actions_env import is_loopback, is_rehearsal
from release_channels.errors import RefusedError, ReleaseError
from release_channels.gate.providers import Configured

if TYPE_CHECKING:
    import httpx2
    import openai

_MAX_ANSWER = 8 * 2**20
_MAX_WAIT = 10.0
# Of an answer only these go back with the conversation; some models want their reasoning back.
_KEPT = ("role", "content", "tool_calls", "reasoning_content")


class ModelError(ReleaseError):
    """A model did not answer as the API promises; the message contains no key, header or body."""

    def __init__(self, message: str, *, may_pass: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.may_pass = may_pass
        """True if asking again may help."""
        self.wait = wait


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called; the arguments are a text that should be JSON."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """One completion: what it says, the tools it calls, the tokens that it took; `message` is for the conversation."""

    text: str
    calls: tuple[ToolCall, ...]
    tokens: int
    message: Mapping[str, Any]


@dataclass
class ChatModel:
    """A provider's model that can be asked."""

    configured: Configured
    client: openai.OpenAI
    pause: float = 2.0
    """Seconds before the one repetition, where the server names none."""
    clock: Callable[[], float] = time.monotonic
    _deadline: float = field(default=0.0, repr=False)

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
        tokens: int,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> ModelResponse:
        """Request one completion of at most so many tokens; what may pass is asked once more.

        Raises: ModelError
        """
        end = self.clock() + seconds
        try:
            return self._once(messages, end, tokens, tools)
        except ModelError as err:
            wait = min(self.pause if err.wait is None else err.wait, _MAX_WAIT)
            if not err.may_pass or self.clock() + wait >= end:
                raise
            time.sleep(wait)
        return self._once(messages, end, tokens, tools)

    def _once(
        self, messages: Sequence[Mapping[str, Any]], end: float, tokens: int, tools: Sequence[Mapping[str, Any]]
    ) -> ModelResponse:
        import httpx2
        import openai

        left = max(end - self.clock(), 0.01)
        self._deadline = end
        words: dict[str, Any] = {
            "model": self.configured.model,
            "messages": list(messages),
            self.configured.provider.limit: tokens,
            **({"tools": list(tools)} if tools else {}),
        }
        try:
            raw = self.client.chat.completions.with_raw_response.create(**words, timeout=left)
            return _parse(raw.http_response.content)
        # Without the cause: a provider's error quotes what it was sent, the key as well.
        except openai.APIStatusError as err:
            raise _status(err) from None
        except (openai.APIConnectionError, httpx2.HTTPError) as err:
            raise _connection(err, left) from None
        except openai.OpenAIError as err:
            raise ModelError(f"the client gave up: {type(err).__name__}") from None

    def bound(self, response: httpx2.Response) -> None:
        """Return an answer's body no more time and size than was given to the question."""
        response.stream = _bounded(response.stream, lambda: self.clock() > self._deadline)


@contextmanager
def open_model(configured: Configured, env: Mapping[str, str], *, pause: float = 2.0) -> Iterator[ChatModel]:
    """Make a client for a provider, as long as the block lasts; nothing is asked yet.

    Raises: RefusedError if the openai package is missing; ModelError for an address that no key may be sent to.
    """
    try:
        import httpx2
        import openai
    except ImportError as err:
        raise RefusedError(
            f"the gate asks models through the package openai, which is not installed: {err}",
            hint='write "release-channels[gate]" in the noxfile\'s block, or `pip install "release-channels[gate]"`',
        ) from err
    check_address(configured.base_url, env)
    # nox lets every library log; these tell of each request, and OPENAI_LOG makes them tell all of it.
    for name in ("openai", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    model: ChatModel
    with (
        # Not redirected: an answer from elsewhere is not the provider's.
        httpx2.Client(follow_redirects=False, event_hooks={"response": [lambda answer: model.bound(answer)]}) as http,
        openai.OpenAI(
            api_key=configured.key, base_url=configured.base_url, organization="", project="", max_retries=0,
            http_client=http,
        ) as client,
    ):  # fmt: skip
        model = ChatModel(configured, client, pause)
        yield model


def check_address(base_url: str, env: Mapping[str, str]) -> None:
    """Refuse an address that a key must not be sent to.

    Raises: ModelError
    """
    try:
        parts = urlsplit(base_url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.username or parts.query)
        _ = parts.port
    except ValueError:
        plain = False
    if not plain:
        raise ModelError("its address is not the plain address of an API")
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
                    raise httpx2.ReadTimeout("the whole answer took too long")
                if size > _MAX_ANSWER:
                    raise httpx2.DecodingError("the answer is too large")
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
        return ModelError(f"no answer within {seconds:.0f} s")
    if any(isinstance(cause, ssl.SSLError) or "CERTIFICATE_VERIFY" in str(cause) for cause in causes):
        return ModelError("TLS: its certificate is not trusted")
    if any(isinstance(cause, httpx2.DecodingError) for cause in causes):
        return ModelError(f"the answer cannot be decoded, or is larger than {_MAX_ANSWER} bytes")
    if any(isinstance(cause, httpx2.RemoteProtocolError | httpx2.ReadError) for cause in causes):
        return ModelError("the answer was cut short", may_pass=True)
    return ModelError("it cannot be reached", may_pass=True)


def _causes(err: BaseException | None) -> Iterator[BaseException]:
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__


def _parse(content: bytes) -> ModelResponse:
    """Read a completion.

    Raises: ModelError
    Source: OpenAI's API reference, the chat completion object.
    """
    try:
        table = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelError("the answer is not JSON") from None
    choices = table.get("choices") if isinstance(table, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict):
        raise ModelError("the answer contains no choice")
    text, calls = message.get("content"), message.get("tool_calls") or []
    if not isinstance(text, str | None) or not isinstance(calls, list):
        raise ModelError("the response contains no message")
    kept = {key: message[key] for key in _KEPT if message.get(key) is not None}
    # Some servers want the key `content` in any case, also where it is null.
    return ModelResponse(text or "", tuple(map(_parse_call, calls)), _tokens(table), {"content": None, **kept})


def _parse_call(call: object) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise ModelError("the response contains a malformed tool call")
    values = (call.get("id"), function.get("name"), function.get("arguments"))
    if not all(isinstance(value, str) for value in values):
        raise ModelError("the response contains a malformed tool call")
    return ToolCall(*map(str, values))


def _tokens(table: Mapping[str, Any]) -> int:
    usage = table.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if type(total) is int and total > 0 else 0
