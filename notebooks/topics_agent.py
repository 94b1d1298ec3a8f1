"""An agent that looks things up in Python's own help, word by word, as a language model would.

It needs `pip install "a2a-sdk[http-server,signing]" uvicorn`, and prints its address and its
agent_id as JSON once it can be asked.
"""

import asyncio
import hashlib
import json
import socket
from pydoc_data.topics import topics

import uvicorn
from a2a.helpers.proto_helpers import new_task, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import a2a_pb2 as pb
from a2a.utils.signing import create_agent_card_signer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from starlette.applications import Starlette

EXTENSIONS = "https://github.com/ruvector/ruvector-arrow/a2a/ext"
USAGE = f"{EXTENSIONS}/policy/v1/usage"


class Topics(AgentExecutor):
    """Answers with the help topic that is named in the question."""

    async def execute(self, context, queue):
        """Work at one message."""
        ids = context.task_id, context.context_id
        if context.current_task is None:
            said = [context.message]
            await queue.enqueue_event(new_task(*ids, pb.TASK_STATE_SUBMITTED, history=said))
        task = TaskUpdater(queue, *ids)
        await task.start_work()
        words = context.get_user_input().lower().replace("?", " ").split()
        named = [word for word in words if word in topics]
        if not named:
            question = task.new_agent_message([new_text_part("Which topic: with, lambda, for?")])
            await task.requires_input(question)
            return
        answer = [word for word in topics[named[-1]].split() if word.strip("*=-")][:120]
        for number, word in enumerate(answer, 1):
            await asyncio.sleep(0.01)  # thinking
            await task.add_artifact(
                [new_text_part(word + " ")],
                artifact_id=named[-1],
                name=f"help on {named[-1]}",
                append=number > 1,
                last_chunk=number == len(answer),
                metadata={USAGE: {"inputTokens": len(words), "outputTokens": number}},
            )
        await task.complete()

    async def cancel(self, context, queue):
        """Stop working at a task."""
        await TaskUpdater(queue, context.task_id, context.context_id).cancel()


def card(url: str, jwk: dict, agent_id: str) -> pb.AgentCard:
    """Return what the agent says of itself."""
    made = pb.AgentCard(
        name="Topics",
        description="Looks things up in the help of Python.",
        version="1.0.0",
        supported_interfaces=[
            pb.AgentInterface(url=f"{url}/rpc", protocol_binding="JSONRPC", protocol_version="1.0")
        ],
        provider=pb.AgentProvider(organization="The notebook", url="https://example.org"),
        capabilities=pb.AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
    )
    made.skills.add(
        id="topic",
        name="Explain a topic",
        description="The beginning of the help topic that a question names.",
        tags=["python", "help"],
        examples=["What is lambda?"],
    )
    identity = made.capabilities.extensions.add(uri=f"{EXTENSIONS}/identity/v1")
    identity.params.update({"agentId": agent_id, "jwk": jwk})
    return made


def main() -> None:
    """Serve until somebody ends the process."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    agent_id = hashlib.shake_256(public.public_bytes_raw()).hexdigest(32)
    jwk = {k: v for k, v in OKPAlgorithm.to_jwk(public, as_dict=True).items() if k != "key_ops"}
    sign = create_agent_card_signer(key, {"alg": "EdDSA", "kid": agent_id, "typ": "JOSE"})
    signed = sign(card(url, jwk, agent_id))
    handler = DefaultRequestHandler(
        agent_executor=Topics(), task_store=InMemoryTaskStore(), agent_card=signed
    )
    routes = [*create_agent_card_routes(signed), *create_jsonrpc_routes(handler, rpc_url="/rpc")]
    print(json.dumps({"url": url, "agent_id": agent_id}), flush=True)  # it listens already
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
    server.run([listening])


if __name__ == "__main__":
    main()
