"""An agent written with the Python SDK of the protocol, for tests and for a notebook.

    agent.py [--port N] [--sign ES256 | EdDSA | both | none] [--token SECRET] [--keep FOLDER]

It prints one line of JSON once it answers: {"url", "pid", "jwks": [public keys of its card]}. What
it does is the first word of a task:

    echo TEXT         the text, as an artifact of one piece
    count N           an artifact "numbers" of N pieces: "1 ", "2 ", ...
    count N hold K    the same; after K pieces it waits for POST /control/go
    fail TEXT         a task that fails with the text
    raise             an error inside the agent
    ask TEXT          asks for more input; what is answered comes back as an artifact
    wait              works until it is cancelled
    message TEXT      a bare message and no task
    data JSON         an artifact with one part of data

Tasks live in FOLDER, if there is one: an agent that was killed goes on with them where it was when
it is started again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from a2a.helpers.proto_helpers import new_data_part, new_task, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events.event_queue_v2 import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import (
    create_agent_card_routes,
    create_jsonrpc_routes,
    create_rest_routes,
)
from a2a.server.tasks import InMemoryPushNotificationConfigStore, InMemoryTaskStore, TaskUpdater
from a2a.types import a2a_pb2 as pb
from a2a.utils.signing import create_agent_card_signer
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Folder(InMemoryTaskStore):
    """Tasks in memory and, where a folder is given, in a file each."""

    def __init__(self, folder: pathlib.Path | None) -> None:
        super().__init__(owner_resolver=lambda context: "everybody")
        self._folder = folder

    async def save(self, task: pb.Task, context: ServerCallContext) -> None:
        """Keep a task; a file that is there is whole."""
        await super().save(task, context)
        if self._folder is not None:
            place = self._folder / f"{task.id}.task"
            place.with_suffix(".new").write_bytes(task.SerializeToString())
            place.with_suffix(".new").replace(place)

    async def load(self) -> list[pb.Task]:
        """Read what an earlier process left; returns the tasks that it was at."""
        left = []
        for place in sorted(self._folder.glob("*.task")) if self._folder else []:
            task = pb.Task.FromString(place.read_bytes())
            await super().save(task, ServerCallContext())
            if task.status.state in (pb.TASK_STATE_WORKING, pb.TASK_STATE_SUBMITTED):
                left.append(task)
        return left


class Executor(AgentExecutor):
    """What the agent does."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Do what the first message of the task says."""
        task, said = context.current_task, context.get_user_input()
        first = said
        if task is not None:
            first = next(m.parts[0].text for m in task.history if m.role == pb.ROLE_USER)
        verb, _, rest = first.partition(" ")
        if verb == "message":
            await event_queue.enqueue_event(new_text_message(rest, role=pb.ROLE_AGENT))
            return
        if task is None:
            task = new_task(
                context.task_id,
                context.context_id,
                pb.TASK_STATE_SUBMITTED,
                history=[context.message],
            )
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        asked = task.status.state == pb.TASK_STATE_INPUT_REQUIRED
        await updater.start_work()
        if verb == "ask" and asked:
            await updater.add_artifact([new_text_part(said)], artifact_id="answer")
            await updater.complete()
            return
        await getattr(self, f"_{verb}")(updater, rest, task)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Say that the task is cancelled."""
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    async def _echo(self, updater: TaskUpdater, rest: str, task: pb.Task) -> None:
        await updater.add_artifact([new_text_part(rest)], artifact_id="echo", name="echo")
        await updater.complete()

    async def _count(self, updater: TaskUpdater, rest: str, task: pb.Task) -> None:
        words = rest.split()
        count, hold = int(words[0]), int(words[2]) if "hold" in words else -1
        there = [len(a.parts) for a in task.artifacts if a.artifact_id == "numbers"]
        for number in range(sum(there), count):
            if number == hold:
                await self.go.wait()
            await updater.add_artifact(
                [new_text_part(f"{number + 1} ")],
                artifact_id="numbers",
                append=number > 0,
                last_chunk=number == count - 1,
            )
        await updater.complete()

    async def _fail(self, updater: TaskUpdater, rest: str, task: pb.Task) -> None:
        await updater.failed(updater.new_agent_message([new_text_part(rest)]))

    async def _raise(self, updater: TaskUpdater, rest: str, task: pb.Task) -> None:
        raise RuntimeError("the agent is broken")

    async def _ask(self, updater: TaskUpdater, rest: str, task: pb.Task) -> None:
        await updater.requires_input(updater.new_agent_message([new_text_part(rest)]))

    async def _wait(self, updater: TaskUpdater, rest: str, task: pb.Task) -> None:
        await asyncio.Event().wait()

    async def _data(self, updater: TaskUpdater, rest: str, task: pb.Task) -> None:
        part = new_data_part(json.loads(rest), media_type="application/json")
        await updater.add_artifact([part], artifact_id="data")
        await updater.complete()


class Bearer:
    """Asks for a token on everything but the card."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._want = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to who has no token, and nothing else."""
        free = scope["type"] != "http" or scope["path"].startswith(("/.well-known/", "/control/"))
        if free or dict(scope["headers"]).get(b"authorization") == self._want:
            await self._app(scope, receive, send)
            return
        challenge = {"WWW-Authenticate": 'Bearer realm="agent"'}
        await JSONResponse({"error": "no token"}, 401, challenge)(scope, receive, send)


def card(url: str, token: str | None, extended: bool = False) -> pb.AgentCard:
    """Return the card of the agent at a URL."""
    made = pb.AgentCard(
        name="Peer",
        description="Does what the first word says: écho, count …",
        version="1.2.0",
        supported_interfaces=[
            pb.AgentInterface(url=url + path, protocol_binding=binding, protocol_version=version)
            for path, binding, version in (
                ("/a2a/jsonrpc", "JSONRPC", "1.0"),
                ("/a2a/rest", "HTTP+JSON", "1.0"),
                ("/a2a/jsonrpc", "JSONRPC", "0.3"),
            )
        ],
        provider=pb.AgentProvider(organization="ruvector", url="https://example.org"),
        capabilities=pb.AgentCapabilities(
            streaming=True, push_notifications=True, extended_agent_card=True
        ),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain", "application/json"],
    )
    for name in ("echo", "count", "ask", *(["hidden"] if extended else [])):
        made.skills.add(id=name, name=name, description=f"{name} what is said", tags=["test"])
    if token is not None:
        made.security_schemes["bearer"].http_auth_security_scheme.scheme = "bearer"
        made.security_requirements.add().schemes["bearer"].SetInParent()
    return made


def signers(wanted: str) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return what signs a card with keys of this process, and their public halves as JWK."""
    made, public = [], []
    for name in {"none": (), "both": ("ES256", "EdDSA")}.get(wanted, (wanted,)):
        kid = f"key-{name}"
        if name == "ES256":
            secret = ec.generate_private_key(ec.SECP256R1())
            jwk = ECAlgorithm.to_jwk(secret.public_key(), as_dict=True)
        else:
            secret = ed25519.Ed25519PrivateKey.generate()
            jwk = OKPAlgorithm.to_jwk(secret.public_key(), as_dict=True)
        public.append({**jwk, "kid": kid})
        header = {"alg": name, "kid": kid, "typ": "JOSE"}
        made.append(create_agent_card_signer(secret, header))
    return made, public


def application(url: str, options: argparse.Namespace) -> tuple[Starlette, list[dict[str, Any]]]:
    """Return the agent as an application, and its public keys."""
    sign, keys = signers(options.sign)

    def signed(made: pb.AgentCard) -> pb.AgentCard:
        for one in sign:
            made = one(made)
        return made

    shown = signed(card(url, options.token))
    store, executor = Folder(options.keep), Executor()
    handler = DefaultRequestHandler(
        agent_executor=executor,
        task_store=store,
        agent_card=shown,
        push_config_store=InMemoryPushNotificationConfigStore(),
        extended_agent_card=signed(card(url, options.token, extended=True)),
    )

    async def go(request: Request) -> Response:
        executor.go.set()
        return Response(status_code=204)

    @contextlib.asynccontextmanager
    async def goes_on(app: Starlette) -> AsyncIterator[None]:
        left = []
        for task in await store.load():
            again = new_text_message("go on", task_id=task.id, context_id=task.context_id)
            again.role = pb.ROLE_USER
            call = handler.on_message_send(
                pb.SendMessageRequest(message=again), ServerCallContext()
            )
            left.append(asyncio.create_task(call))
        yield
        for one in left:
            one.cancel()

    routes = [
        Route("/control/go", go, methods=["POST"]),
        *create_agent_card_routes(shown),
        *create_jsonrpc_routes(handler, rpc_url="/a2a/jsonrpc", enable_v0_3_compat=True),
        *create_rest_routes(handler, path_prefix="/a2a/rest"),
    ]
    asks = [Middleware(Bearer, token=options.token)] if options.token else []
    return Starlette(routes=routes, middleware=asks, lifespan=goes_on), keys


class Server(uvicorn.Server):
    """Says when it answers."""

    told: str

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the line that who started it waits for."""
        await super().startup(sockets)
        print(self.told, flush=True)


def main() -> int:
    """Serve until somebody ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--sign", choices=("ES256", "EdDSA", "both", "none"), default="none")
    parser.add_argument("--token")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", options.port))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app, keys = application(url, options)
    server = Server(uvicorn.Config(app, log_level="error", access_log=False))
    server.told = json.dumps({"url": url, "pid": os.getpid(), "jwks": keys})
    server.run([listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
