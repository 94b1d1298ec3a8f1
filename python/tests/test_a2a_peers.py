"""The client of agents against an agent of the Python SDK, a process of its own.

The leg `agents` of `make check` runs these; where the SDK is not installed all are skipped.
"""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from agents.asking import LOOPBACK, SECRET, connect
from agents.faulty import CARD, Faulty
from agents.peer import ABSENT, INTERPRETER, Peer, running

import ruvector as rv
from ruvector import a2a

if not INTERPRETER.exists():
    warnings.warn(ABSENT, stacklevel=1)  # pytest shows it with the results
    pytest.skip(ABSENT, allow_module_level=True)

WAYS = [("JSONRPC", "1.0"), ("HTTP+JSON", "1.0"), ("JSONRPC", "0.3")]
State = a2a.TaskState


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with running("--sign", "both") as started:
        yield started


@pytest.fixture(params=WAYS, ids=" ".join)
def client(peer: Peer, request: pytest.FixtureRequest) -> Iterator[rv.A2aClientSync]:
    binding, version = request.param
    with connect(peer.url, bindings=[binding], versions=[version]) as made:
        assert (made.interface.binding, made.interface.version) == (binding, version)
        yield made


def texts(task: a2a.Task) -> list[list[str | None]]:
    """Return the texts of every artifact, piece by piece."""
    return [[part.text for part in artifact.parts] for artifact in task.artifacts]


def other(peer: Peer, alg: str) -> dict[str, Any]:
    """Return a key of the same kind that is not the agent's, under the name of the agent's."""
    with running("--sign", alg) as stranger:
        return {**stranger.key(alg), "kid": f"key-{alg}"}


def served(peer: Peer) -> dict[str, Any]:
    """Return the card as it is served."""
    with urllib.request.urlopen(peer.url + CARD, timeout=60) as got:
        return json.load(got)  # type: ignore[no-any-return]


# Cards


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_a_card_is_verified_with_a_pinned_key(peer: Peer, alg: str) -> None:
    trust = a2a.Trust.pin(jwk=peer.key(alg), kid=f"key-{alg}")
    with connect(peer.url, trust=trust) as client:
        known = client.card_trust
        assert (known.level, known.key_id, known.alg) == ("verified", f"key-{alg}", alg)
        assert client.card.name == "Peer"
        assert [skill.id for skill in client.card.skills] == ["echo", "count", "ask"]
        assert client.send_task("echo hé").text == "hé"


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_another_key_verifies_nothing(peer: Peer, alg: str) -> None:
    trust = a2a.Trust.pin(jwk=other(peer, alg), kid=f"key-{alg}")
    with pytest.raises(a2a.CardSignatureInvalid) as raised:
        connect(peer.url, trust=trust)
    assert raised.value.reason


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_cards_changed_on_the_way(peer: Peer, alg: str) -> None:
    """Somebody between the agent and us takes signatures off, or changes what was signed."""
    trust = a2a.Trust.pin(jwk=peer.key(alg), kid=f"key-{alg}")
    card = served(peer)
    interface = {"url": "", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    with Faulty() as between:
        network = a2a.NetworkPolicy(allow_loopback_http=True, allowed_origins=(peer.url,))
        between.card = card
        with connect(between, trust=trust, network=network) as client:
            assert client.interface.url.startswith(peer.url)
        between.card = {name: value for name, value in card.items() if name != "signatures"}
        with pytest.raises(a2a.CardUntrusted):
            connect(between, trust=trust, network=network)
        changes: list[dict[str, Any]] = [
            {"description": "other"},
            {"supportedInterfaces": [{**interface, "url": between.url}]},
            {"skills": card["skills"][1:]},
            {"capabilities": {**card["capabilities"], "streaming": False}},
        ]
        for change in changes:
            between.card = {**card, **change}
            with pytest.raises(a2a.CardSignatureInvalid):
                connect(between, trust=trust, network=network)
        signatures = [{**one, "signature": "A" * 86} for one in card["signatures"]]
        between.card = {**card, "signatures": signatures}
        with pytest.raises(a2a.CardSignatureInvalid):
            connect(between, trust=trust, network=network)


def test_a_card_that_nobody_signed(peer: Peer) -> None:
    with running() as plain:
        with connect(plain.url) as client:
            assert client.card_trust.level == "unsigned"
        with pytest.raises(a2a.CardUntrusted):
            connect(plain.url, trust=a2a.Trust.pin(jwk=peer.key("EdDSA"), kid="key-EdDSA"))
        with pytest.raises(a2a.CardUntrusted):
            connect(plain.url, strict_verify=True)


def test_a_card_given_by_hand(peer: Peer) -> None:
    trust = a2a.Trust.pin(jwk=peer.key("ES256"), kid="key-ES256")
    network = a2a.NetworkPolicy(allow_loopback_http=True, allowed_origins=(peer.url,))
    card = json.dumps(served(peer)).encode()
    with rv.A2aClientSync.from_card(card, trust=trust, network=network) as client:
        assert client.card_trust.level == "verified"
        assert client.send_task("echo x").text == "x"


def test_the_card_is_asked_for_again_only_if_it_changed(peer: Peer) -> None:
    with connect(peer.url) as client:
        assert client.refresh_card() is False


def test_the_extended_card(client: rv.A2aClientSync) -> None:
    assert "hidden" not in [skill.id for skill in client.card.skills]
    card = client.get_extended_card()
    assert "hidden" in [skill.id for skill in card.skills]
    assert client.card == card


# Tasks


def test_a_task_from_beginning_to_end(client: rv.A2aClientSync) -> None:
    task = client.send_task("echo hello")
    assert (task.state, texts(task)) == (State.COMPLETED, [["hello"]])
    assert task.raise_for_state() is task
    assert task.id is not None
    assert task.context_id is not None
    again = client.get_task(task.id)
    assert (again.id, again.state, texts(again)) == (task.id, State.COMPLETED, [["hello"]])
    assert again.history[0].text == "echo hello"


def test_text_of_every_kind_arrives_as_it_was_sent(client: rv.A2aClientSync) -> None:
    said = 'hé 漢字 🙂 "quoted" \\ /  \t tab & <tag> \u2028'
    assert client.send_task("echo " + said).text == said


def test_a_stream_of_pieces(client: rv.A2aClientSync) -> None:
    with client.stream_task(a2a.TaskSpec("count 5")) as stream:
        updates = list(stream)
        pieces = [u.artifact.parts[0].text for u in updates if u.artifact is not None]
        assert pieces == ["1 ", "2 ", "3 ", "4 ", "5 "]
        assert [u.seq for u in updates] == list(
            range(updates[0].seq, updates[0].seq + len(updates))
        )
        assert not any(u.resumed or u.gap for u in updates)
        assert updates[0].kind == "task"
        assert texts(stream.task) == [["1 ", "2 ", "3 ", "4 ", "5 "]]
        assert stream.task.state == State.COMPLETED


def test_a_task_that_fails(client: rv.A2aClientSync) -> None:
    task = client.send_task("fail no luck today")
    assert task.state == State.FAILED
    with pytest.raises(a2a.TaskFailed, match="no luck today") as raised:
        task.raise_for_state()
    assert raised.value.task is task


def test_an_agent_that_breaks(client: rv.A2aClientSync) -> None:
    try:
        task = client.send_task("raise")
    except a2a.PeerInternalError as error:  # 1.3.0 of the SDK says what happened in JSON-RPC only
        assert "the agent is broken" in str(error) or client.interface.binding == "HTTP+JSON"
    else:
        assert task.state == State.FAILED


def test_an_answer_without_a_task(client: rv.A2aClientSync) -> None:
    task = client.send_task("message hello")
    assert (task.id, task.state, task.text) == (None, State.COMPLETED, "hello")
    with client.stream_task(a2a.TaskSpec("message hello")) as stream:
        assert [u.kind for u in stream] == ["message"]
        assert stream.task.text == "hello"


def test_more_input_is_asked_for_and_given(client: rv.A2aClientSync) -> None:
    task = client.send_task("ask which one?")
    assert task.needs_input
    assert task.status.message is not None
    assert task.status.message.text == "which one?"
    done = client.reply(task, "the blue one")
    assert (done.id, done.state, texts(done)) == (task.id, State.COMPLETED, [["the blue one"]])
    assert done.context_id == task.context_id


def test_a_stream_ends_where_input_is_asked_for(client: rv.A2aClientSync) -> None:
    with client.stream_task(a2a.TaskSpec("ask who?")) as stream:
        task = stream.result()
    assert task.needs_input
    spec = a2a.TaskSpec("me", task_id=task.id, context_id=task.context_id)
    with client.stream_task(spec) as stream:
        assert texts(stream.result()) == [["me"]]


def test_cancelled_in_mid_stream(client: rv.A2aClientSync) -> None:
    with client.stream_task(a2a.TaskSpec("wait")) as stream:
        while (update := next(stream)).status is None or update.status.state != State.WORKING:
            pass
        assert stream.cancel().state == State.CANCELED
        assert stream.result().state == State.CANCELED
    assert stream.task.id is not None
    with pytest.raises(a2a.TaskNotCancelable):
        client.cancel_task(stream.task.id)


def test_tasks_that_are_not_there(client: rv.A2aClientSync) -> None:
    for call in (client.get_task, client.cancel_task):
        with pytest.raises(a2a.TaskNotFound) as raised:
            call("no-such-task")
        assert isinstance(raised.value, LookupError)
    with pytest.raises(a2a.TaskNotFound):
        client.stream_task("no-such-task").result()


def test_what_has_ended_is_given_as_it_is(client: rv.A2aClientSync) -> None:
    """Servers refuse to subscribe to it; its last state is what there is to know."""
    task = client.send_task("count 3")
    assert task.id is not None
    with client.stream_task(task.id) as stream:
        assert texts(stream.result()) == [["1 ", "2 ", "3 "]]


def test_a_running_task_is_joined(peer: Peer) -> None:
    with (
        connect(peer.url) as first,
        connect(peer.url, bindings=["HTTP+JSON"]) as second,
        first.stream_task(a2a.TaskSpec("wait")) as one,
    ):
        while one.task.state != State.WORKING:
            next(one)
        assert one.task.id is not None
        with second.stream_task(one.task.id) as two:
            assert next(two).task_id == one.task.id
            second.cancel_task(one.task.id)
            assert two.result().state == one.result().state == State.CANCELED


def test_tasks_are_listed_page_by_page(peer: Peer) -> None:
    for binding in ("JSONRPC", "HTTP+JSON"):
        with connect(peer.url, bindings=[binding], versions=["1.0"]) as client:
            first = client.send_task("echo 0")
            spec = [a2a.TaskSpec(f"echo {i}", context_id=first.context_id) for i in range(1, 7)]
            made = [first.id, *(client.send_task(one).id for one in spec)]
            found = list(client.list_tasks(context_id=first.context_id, page_size=3))
            assert [task.id for task in found] == made[::-1]
            assert all(task.artifacts == () for task in found)
            whole = client.list_tasks(
                context_id=first.context_id, include_artifacts=True, state=State.COMPLETED
            )
            assert sorted(task.text for task in whole) == list("0123456")
            assert list(client.list_tasks(context_id=first.context_id, state=State.FAILED)) == []


def test_addresses_for_updates(client: rv.A2aClientSync) -> None:
    task = client.send_task("ask who?")
    assert task.id is not None
    made = client.set_push(task.id, "https://example.org/hook", token="t")
    assert client.get_push(task.id, made.id).url == "https://example.org/hook"
    assert [one.id for one in client.list_push(task.id)] == [made.id]
    client.delete_push(task.id, made.id)
    assert client.list_push(task.id) == ()


# Who is asked, and how


def test_a_token_is_wanted(peer: Peer) -> None:
    with running("--token", SECRET) as closed:
        with connect(closed.url) as client, pytest.raises(a2a.Unauthenticated) as raised:
            client.send_task("echo x")
        assert raised.value.challenges == ('Bearer realm="agent"',)
        for binding, version in WAYS:
            auth = a2a.Bearer(SECRET)
            with connect(closed.url, auth=auth, bindings=[binding], versions=[version]) as client:
                assert client.send_task("echo x").text == "x"
                assert client.stream_task(a2a.TaskSpec("count 2")).result().done


async def _ask_at_once(url: str, count: int) -> list[a2a.Task]:
    async with await rv.A2aClient.connect(url, network=LOOPBACK) as client:

        async def one(i: int) -> a2a.Task:
            async with client.stream_task(a2a.TaskSpec(f"count {i + 1}")) as stream:
                return await stream.result()

        return await asyncio.gather(*(one(i) for i in range(count)))


def test_many_at_once_in_one_loop(peer: Peer) -> None:
    tasks = asyncio.run(_ask_at_once(peer.url, 30))
    assert [len(texts(task)[0]) for task in tasks] == list(range(1, 31))
    assert len({task.id for task in tasks}) == 30


# kill -9


@pytest.mark.parametrize(("binding", "version"), WAYS)
def test_an_agent_is_killed_in_mid_stream(tmp_path: Any, binding: str, version: str) -> None:
    """It comes back on the same port with its tasks: the stream goes on and nothing is twice."""
    retry = a2a.A2aRetry(resume_attempts=1000, resume_for=300)
    pieces = []
    with (
        running("--keep", str(tmp_path)) as peer,
        connect(peer.url, bindings=[binding], versions=[version], retry=retry) as client,
        client.stream_task(a2a.TaskSpec("count 9 hold 4")) as stream,
    ):
        while len(pieces) < 4:
            if (update := next(stream)).artifact is not None:
                pieces.append(update.artifact.parts[0].text)
        peer.kill()
        again = threading.Thread(target=peer.start)
        again.start()
        rest = []
        for update in stream:
            rest.append(update)
            if update.resumed:
                again.join()
                peer.go()
        assert [u.resumed for u in rest].count(True) == 1
        assert not any(u.gap for u in rest)
        after = rest[[u.resumed for u in rest].index(True) + 1 :]
        pieces += [u.artifact.parts[0].text for u in after if u.artifact is not None]
        wanted = [f"{i} " for i in range(1, 10)]
        assert texts(stream.task) == [wanted]
        assert pieces == wanted
        assert stream.task.state == State.COMPLETED


def test_an_agent_that_does_not_come_back(tmp_path: Any) -> None:
    retry = a2a.A2aRetry(resume_attempts=1)
    with running("--keep", str(tmp_path)) as peer, connect(peer.url, retry=retry) as client:
        with client.stream_task(a2a.TaskSpec("count 9 hold 4")) as stream:
            while not stream.task.artifacts:
                next(stream)
            peer.kill()
            with pytest.raises((a2a.StreamInterrupted, a2a.ConnectFailed)) as raised:
                stream.result()
        assert raised.value.task_id == stream.task.id
        assert stream.task.artifacts
