"""Fake chat completions server with a scripted agent and judge.

A request with tools is answered by the agent, one for a verdict by the judge; any other is a probe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

from release_channels.adapters import console
from release_channels.adapters.http_server import Served, Tls, serve_wsgi
from release_channels.gate.providers import in_order, provider_statuses
from release_channels.model.config import Config
from release_channels.model.gate_config import stored_name

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


KEY = "rehearsal-model-key"
"""The one key that the server knows, unless it is given others."""

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AgentCall:
    """A tool call of the agent."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """The model's reply: its text, its tool calls and its claimed number of tokens."""

    text: str | None = None
    calls: tuple[AgentCall, ...] = ()
    tokens: int = 120


Agent = Callable[[Sequence[Message]], Reply]
"""Answers a conversation as an agent does; the conversation is all that it knows."""
Judge = Callable[[str], str]
"""Answers the judge's prompt with a text."""
Fault = Callable[[Request], "Response | None"]
"""Answers in place of the server, or lets the request pass."""


def good_agent(messages: Sequence[Message]) -> Reply:
    """Solve the default task: install the package, inspect it, use it once, report its version."""
    name = _project(messages)
    text = [str(message["content"]) for message in messages if message["role"] == "tool"]
    steps = (
        Reply("I read what is there.", (AgentCall("read_file", {"path": "README.md"}),)),
        _run(f"python -m pip install --quiet --disable-pip-version-check {name}"),
        _run(f'python -c "{_LOOK}" {name}'),
    )
    if len(text) < len(steps):
        return steps[len(text)]
    seen = re.search(r"^version (\S+)$", text[2], re.MULTILINE)
    used = re.search(r"^use (.+)$", text[2], re.MULTILINE)
    if not seen or not used:
        return Reply("I cannot find the package.")
    if len(text) == len(steps):
        return _run(used[1])
    return Reply(calls=(AgentCall("submit", {"version": seen[1], "summary": f"{name} was installed and used."}),))


# One line for a shell: it holds neither double quotes nor dollars.
_LOOK = (
    "import importlib.metadata as m, sys; d = m.distribution(sys.argv[1]); print('version', d.version);"
    " s = [e.name for e in d.entry_points if e.group == 'console_scripts'];"
    " p = [f.parts[0] for f in d.files or () if f.name == '__init__.py' and len(f.parts) == 2];"
    " print('use', s[0] + ' --help' if s else 'python -c ' + chr(39) + 'import ' + p[0] + chr(39))"
)


def honest_judge(prompt: str) -> str:
    """Pass a rollout if the prompt, outside of the trajectory, reports its full reward."""
    text = re.sub(r"<trajectory-(\w+)>.*?</trajectory-\1>", "", prompt, flags=re.DOTALL)
    good = "reward: 1" in text and "findings: none" in text
    reason = "The package was installed and used." if good else "The claim is not borne out."
    criteria = dict.fromkeys(("genuine", "coherent", "evidence", "untampered"), good)
    return json.dumps({"verdict": "pass" if good else "fail", "reason": reason, **criteria})


@dataclass
class ModelServer:
    """The server's state: agent, judge, valid keys, faults, and requests."""

    agent: Agent = good_agent
    judge: Judge = honest_judge
    keys: frozenset[str] = frozenset({KEY})
    faults: list[Fault] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        request.get_data()  # read whatever is decided: a client cannot hear while it still speaks
        fault = next((answer for one in self.faults if (answer := one(request)) is not None), None)
        return (fault or self._answer(request))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.keys:
            return refusal(401, "Incorrect API key provided")
        if request.method != "POST" or not request.path.endswith("/chat/completions"):
            return refusal(404, "Not found")
        try:
            content = json.loads(request.get_data())
            self.asked.append(content)
            return completion(self._reply_to(content), content["model"])
        except Exception as err:  # noqa: BLE001 - the last resort of a server: one request fails, the rest live on
            self.failures.append(f"{type(err).__name__}: {err}")
            return refusal(500, "The server had an error")

    def _reply_to(self, content: Mapping[str, Any]) -> Reply:
        if content.get("tools"):
            return self.agent(content["messages"])
        prompt = "\n".join(str(message["content"]) for message in content["messages"])
        return Reply(self.judge(prompt)) if '"verdict"' in prompt else Reply("ready", tokens=9)


def completion(reply: Reply, model: str) -> Response:
    """Build the API's response with a reply.

    Source: OpenAI's API reference, the chat completion object.
    """
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": one.tool, "arguments": json.dumps(one.arguments)},
        }
        for number, one in enumerate(reply.calls)
    ]
    message = {"role": "assistant", "content": reply.text, **({"tool_calls": calls} if calls else {})}
    content = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_800_000_000, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": reply.tokens - 1, "completion_tokens": 1, "total_tokens": reply.tokens},
    }  # fmt: skip
    return Response(json.dumps(content), content_type="application/json")


def refusal(status: int, message: str) -> Response:
    """Build the API's error response with an HTTP status."""
    content = {"error": {"message": message, "type": "error", "param": None, "code": None}}
    return Response(json.dumps(content), status=status, content_type="application/json")


@contextmanager
def serve_model(server: ModelServer | None = None, *, tls: Tls | None = None) -> Iterator[Served]:
    """Serve a model on loopback until the block ends; its API is below `/v1` of its `url`."""
    with serve_wsgi(server or ModelServer(), "the model double", tls=tls) as served:
        yield served


def _run(command: str) -> Reply:
    return Reply(calls=(AgentCall("run_command", {"command": command}),))


def _project(messages: Sequence[Message]) -> str:
    """Find the project's name in the task."""
    task = "\n".join(str(message["content"]) for message in messages if message["role"] in ("system", "user"))
    found = re.search(r"Python project `([^`]+)`", task)
    return found[1] if found else "unknown"


_MODELS = "GITHUB_MODELS_TOKEN"


@dataclass(frozen=True, slots=True)
class GateModel:
    """The repository's secrets and variables for the gate, and the hosts that it must reach."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()


@contextmanager
def open_model(config: Config, env: Mapping[str, str], tls: Tls) -> Iterator[GateModel]:
    """Find the providers for which the user has keys; without any, serve a scripted model as the first provider."""
    if not config.gate.enabled:
        yield GateModel()
        return
    providers = in_order(config.gate)
    live = [found.configured for found in provider_statuses(providers, env) if found.configured]
    if live:
        console.say(f"the gate asks a live model, since {', '.join(one.key_name for one in live)} is set")
        names = {f"{one.provider.prefix}_{what}" for one in live for what in ("BASE_URL", "MODEL")}
        yield GateModel(
            secrets={_secret(config, one.key_name): one.key for one in live},
            variables={stored_name(name): env[name] for name in sorted(names) if env.get(name)},
            hosts=frozenset(urlsplit(one.base_url).hostname or "" for one in live),
        )
        return
    first = providers[0]
    with serve_model(tls=tls) as served:
        yield GateModel(
            secrets={_secret(config, first.keys[0]): KEY},
            variables={stored_name(f"{first.prefix}_BASE_URL"): f"{served.url}/v1"},
        )


def _secret(config: Config, key: str) -> str:
    """List the secret that a workflow reads a key from; one of them has a name of its own."""
    return config.github_models_secret if key == _MODELS else key
