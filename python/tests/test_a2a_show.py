"""What a notebook shows of agents: compact tables, the same every time, safe whatever they say.

The pages are golden/html/a2a_*.html; ``RUVECTOR_GOLDEN=write`` writes them again, as test_html.py.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from agent_server import Agent

import ruvector as rv
from ruvector._agents import show
from ruvector.a2a import A2aClientSync, AgentCard, CardTrust, NetworkPolicy, Task

GOLDEN = pathlib.Path(__file__).parent / "golden" / "html"
EVIL = "<script>alert(1)</script>\x00\x1b[31m\n\u202e & \"'</td></table>" + "long " * 1000
ID = "bb42f5a06cec4f36e3e9173236e88cdba7aa1a7bf737f6c6c372aa4c9268573e"
CARD: dict[str, Any] = {
    "name": "Refunds", "version": "1.4.0", "description": "Knows all about refunds.",
    "provider": {"organization": "Shop Inc.", "url": "https://shop.example"},
    "supportedInterfaces": [
        {"url": "https://a.example/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": "https://a.example/rest", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
    ],
    "capabilities": {"streaming": True, "pushNotifications": True,
                     "extensions": [{"uri": "https://a.example/ext/v1", "required": True}]},
    "securitySchemes": {"main": {"httpAuthSecurityScheme": {"scheme": "Bearer"}},
                        "key": {"apiKeySecurityScheme": {"location": "header", "name": "X-Key"}}},
    "skills": [{"id": "answer", "name": "Answer", "description": "Answers a question.",
                "tags": ["faq", "text"]}, {"id": "sum", "name": "Sum up", "tags": []}],
}  # fmt: skip
TASK: dict[str, Any] = {
    "id": "t-1", "contextId": "c-1",
    "status": {"state": "TASK_STATE_COMPLETED", "timestamp": "2026-11-23T10:00:00Z",
               "message": {"role": "ROLE_AGENT", "parts": [{"text": "done"}]}},
    "artifacts": [
        {"artifactId": "a", "name": "answer", "parts": [{"text": "Five "}, {"text": "days."}]},
        {"artifactId": "b", "parts": [{"data": {"id": 18446744073709551615}}]},
        {"artifactId": "c", "parts": [{"raw": "QUJD" * 1000, "mediaType": "image/png",
                                       "filename": "curve.png"}]},
        {"artifactId": "d", "parts": [{"url": "https://a.example/long"}, {"url": "x"}]},
        {"artifactId": "e", "parts": []},
    ],
}  # fmt: skip
USED = {"inputTokens": 1200, "outputTokens": 340, "costUsd": 0.0123}


def working() -> Task:
    said = {"parts": [{"text": "reading"}]}
    return Task.from_json(
        {"id": "t-2", "status": {"state": "TASK_STATE_WORKING", "message": said},
         "artifacts": TASK["artifacts"][:1]},
        gap=True,
    )  # fmt: skip


def hostile_card() -> AgentCard:
    entry = {"url": EVIL, "protocolBinding": EVIL, "protocolVersion": EVIL}
    skill = {"id": EVIL, "name": EVIL, "description": EVIL, "tags": [EVIL] * 100}
    return AgentCard.from_json(
        {
            "name": EVIL, "version": EVIL, "description": EVIL, "supportedInterfaces": [entry] * 64,
            "provider": {"organization": EVIL}, "skills": [skill] * 512,
            "capabilities": {"extensions": [{"uri": EVIL}] * 64},
            "securitySchemes": {EVIL + str(i): {} for i in range(100)},
        },
        agent_id=EVIL,
    )  # fmt: skip


def hostile_task() -> Task:
    parts = [{"text": EVIL}, {"raw": EVIL, "filename": EVIL, "mediaType": EVIL}]
    made = [{"artifactId": EVIL, "name": EVIL, "parts": parts},
            {"artifactId": "b", "parts": parts[1:]},
            {"artifactId": "c", "parts": [{"data": {EVIL: [EVIL] * 9, "n": 10**6000}}]},
            {"artifactId": "d", "parts": [{"data": [[EVIL]] * 10**5}]},
            {"artifactId": "e", "parts": [{"url": EVIL}] * 10**4}]  # fmt: skip
    return Task.from_json(
        {"id": EVIL, "contextId": EVIL, "artifacts": made * 30,
         "status": {"state": EVIL, "message": {"parts": [{"text": EVIL}]}}},
        usage={"costUsd": 1e308, "inputTokens": 10**15},
    )  # fmt: skip


SHOWN: dict[str, Callable[[], str]] = {
    "card": lambda: AgentCard.from_json(CARD)._repr_html_(),
    "card_verified": lambda: show.card(
        AgentCard.from_json(CARD, agent_id=ID), CardTrust("verified", ID, "EdDSA", "A", ID)
    ),
    "card_hostile": lambda: hostile_card()._repr_html_(),
    "task": lambda: Task.from_json(TASK, usage=USED)._repr_html_(),
    "task_direct": lambda: Task.from_json(
        None, direct_message={"role": "ROLE_AGENT", "parts": [{"text": "Five days."}]}
    )._repr_html_(),
    "task_waits": lambda: Task.from_json(
        {"id": "t", "status": {"state": "TASK_STATE_INPUT_REQUIRED", "message": {
            "role": "ROLE_AGENT", "parts": [{"text": "Which order?"}]}}}
    )._repr_html_(),
    "task_hostile": lambda: hostile_task()._repr_html_(),
    "stream": lambda: show.progress(working(), 1234, False),
    "stream_ended": lambda: show.progress(Task.from_json(TASK), 9, True),
    "stream_new": lambda: show.progress(Task(None), 0, False),
}  # fmt: skip


def page(name: str) -> str:
    """Return what is shown, a row a line so that changes are read."""
    return SHOWN[name]().replace("</tr>", "</tr>\n").replace("</table>", "</table>\n")


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_what_was_looked_at(name: str) -> None:
    file = GOLDEN / f"a2a_{name}.html"
    if os.environ.get("RUVECTOR_GOLDEN") == "write":
        file.write_text(page(name), "utf-8")
    assert page(name) == file.read_text("utf-8")


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_is_safe_and_compact_whatever_an_agent_says(name: str) -> None:
    text = SHOWN[name]()
    tags = re.sub(r">[^<]*<", "><", text.lower())
    for banned in ("<script", "<link", "<img", "<iframe", "<a ", "javascript:", " on", "url(",
                   "http", "background", "src="):  # fmt: skip
        assert banned not in tags, banned
    tree = ElementTree.fromstring(f"<div>{text}</div>")
    assert {element.tag for element in tree.iter()} <= {
        "div", "table", "caption", "tbody", "thead", "tr", "th", "td",
    }  # fmt: skip
    assert 1 <= len(tree.findall(".//table")) <= 2
    assert len(tree.findall(".//tr")) <= 80 and len(text) < 60_000
    shown = "".join(tree.itertext())
    assert not {"\x00", "\x1b", "\u202e", "\n"} & set(shown)
    assert "None" not in shown and "object at 0x" not in shown


def test_what_is_shown_is_the_same_for_the_same() -> None:
    assert Task.from_json(TASK)._repr_html_() == Task.from_json(TASK)._repr_html_()
    for level in ("verified", "self_certified", "signed_unknown_key", "unsigned", "insecure", "?"):
        trust = CardTrust.from_json({"level": level})
        said = show.card(AgentCard.from_json(CARD), trust)
        assert ("not" in said.split("trust</th>")[1].split("</td>")[0]) is not trust.is_verified


def test_a_cell_is_cut_and_in_one_line() -> None:
    assert show.cut("a\n  b\tc") == "a b c"
    assert show.cut("x" * 201) == "x" * 200 + "..."
    assert show.cut("\u202eevil") == "\\u202eevil"
    assert len(show.cut("\x00" * 10**7)) < 2000
    assert show.cut(rv.TaskState.of("a\nb")) == "a b"


def test_clients_and_streams_show_what_they_know() -> None:
    local = NetworkPolicy(allow_loopback_http=True)
    with Agent() as agent, A2aClientSync.connect(agent.url, network=local) as client:
        assert "not verified: the card is not signed" in client._repr_html_()
        with client.stream_task(rv.TaskSpec("count 3")) as stream:
            assert "0 updates, goes on" in stream._repr_html_()
            last = [update.seq for update in stream][-1]
            assert f"{last:,} updates, ended" in stream._repr_html_()
            assert "completed" in stream._repr_html_()


def test_a_warning_about_a_card_is_shown() -> None:
    trust = CardTrust.from_json({"level": "verified", "warning": "older than before\x00"})
    assert "older than before\\u0000" in show.card(AgentCard.from_json(CARD), trust)
