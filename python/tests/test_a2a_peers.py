"""The client of agents against an agent of the Python SDK, a process of its own.

The leg `agents` of `make check` runs these; where the SDK is not installed all are skipped.
"""

from __future__ import annotations

import json
import urllib.request
import warnings
from collections.abc import Iterator

import pytest
from agents.peer import ABSENT, INTERPRETER, Peer, running

if not INTERPRETER.exists():
    warnings.warn(ABSENT, stacklevel=1)  # pytest shows it with the results
    pytest.skip(ABSENT, allow_module_level=True)


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with running("--sign", "both") as started:
        yield started


def test_the_agent_itself_answers(peer: Peer) -> None:
    with urllib.request.urlopen(peer.url + "/.well-known/agent-card.json", timeout=60) as answer:
        card = json.load(answer)
    assert [one["protocolVersion"] for one in card["supportedInterfaces"]] == ["1.0", "1.0", "0.3"]
    assert len(card["signatures"]) == 2
    part = {"text": "echo hé"}
    message = {"messageId": "1", "role": "ROLE_USER", "parts": [part]}
    asked = {"jsonrpc": "2.0", "id": "7", "method": "SendMessage", "params": {"message": message}}
    request = urllib.request.Request(
        peer.url + "/a2a/jsonrpc",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json", "A2A-Version": "1.0"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        task = json.load(answer)["result"]["task"]
    assert task["status"]["state"] == "TASK_STATE_COMPLETED"
    assert task["artifacts"][0]["parts"] == [{"text": "hé"}]
