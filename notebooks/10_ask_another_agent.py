# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Ask another agent
#
# An agent that speaks A2A says in a card who it is and what it does, takes tasks, and streams what
# it finds. This notebook starts one, written with the official Python library, checks the
# signature of its card, gives it tasks and follows its answers. Nothing leaves this machine.
#
# Needs `ruvector-arrow[viz]`, pandas, and for the agent
# `pip install "a2a-sdk[http-server,signing]" uvicorn`.

# %% [markdown]
# ## The agent
#
# It looks up what a question names in Python's own help, and answers word by word, as a language
# model would. It makes a key when it starts, and signs its card with it. It is a program of its
# own, in any environment and on any machine; what is between it and us is HTTP.

# %%
import json
import os
import subprocess
import sys
import time

import pandas as pd
from IPython.display import Code

import ruvector as rv

pd.set_option("display.max_colwidth", 60)
Code("topics_agent.py", language="python")

# %%
python = os.environ.get("RUVECTOR_AGENTS", sys.executable)  # where a2a-sdk is installed
agent = subprocess.Popen([python, "topics_agent.py"], stdout=subprocess.PIPE, text=True)
told = json.loads(agent.stdout.readline())
told

# %% [markdown]
# ## Its card, verified
#
# The address alone proves nothing. `agent_id` is a digest of the agent's key: whoever told us that
# has told us which agent we mean, wherever it is found. `pin` accepts the card only if that key
# signed it, and what is used then is read from the bytes that were signed.
#
# `https` would be needed for any other machine; `allow_loopback_http` is for agents on this one.

# %%
here = rv.a2a.NetworkPolicy(allow_loopback_http=True)
trust = rv.Trust.pin(agent_id=told["agent_id"])
client = await rv.A2aClient.connect(told["url"], trust=trust, network=here)
client.card

# %%
client.card_trust

# %% [markdown]
# An agent with another key is refused, before anything is sent to it.

# %%
try:
    await rv.A2aClient.connect(told["url"], trust=rv.Trust.pin(agent_id="ab" * 32), network=here)
except rv.a2a.CardUntrusted as error:
    print(type(error).__name__, error, sep=": ")

# %% [markdown]
# ## A task
#
# `send_task` returns when the task has ended, or waits for us.

# %%
task = await client.send_task("What is lambda?")
task

# %%
task.text[:200]

# %% [markdown]
# A question that names nothing is asked back. The task waits for an answer, which goes to the same
# task.

# %%
task = await client.send_task("Hello!")
print(task.state, "-", task.status.message.text)
task = await client.reply(task, "I meant with")
print(task.state, "-", task.text[:60])

# %% [markdown]
# ## An answer as it is made
#
# A stream gives every update when it comes. `stream.task` is all of them merged.

# %%
arrived = []
begin = time.perf_counter()
async with client.stream_task(rv.TaskSpec("What is yield?")) as stream:
    async for update in stream:
        length = len(stream.task.text)
        arrived.append((time.perf_counter() - begin, update.kind, length))
stream

# %%
import matplotlib.pyplot as plt

progress = pd.DataFrame(arrived, columns=["seconds", "kind", "characters"])
figure, plot = plt.subplots(figsize=(8, 3), layout="constrained")
plot.step(progress["seconds"], progress["characters"], where="post", color="tab:blue")
states = progress[progress["kind"] != "artifact"]
plot.plot(states["seconds"], states["characters"], "o", color="crimson", label="task and states")
plot.set(xlabel="seconds", ylabel="characters", title=f"{len(progress)} updates")
plot.legend(frameon=False)
plot.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Each text is a row, which here is a word; joined, they are the answer.

# %%
words = stream.task.to_pandas()
words.tail(3)

# %%
words.groupby("name", as_index=False)["text"].agg("".join)

# %% [markdown]
# ## What it may cost
#
# This agent reports the tokens that it used. A policy is enforced here, whatever the agent does: a
# task over its limit is cancelled at the agent, and says why.

# %%
spec = rv.TaskSpec("What is with?", policy=rv.TaskPolicy(max_tokens=40))
try:
    await client.send_task(spec)
except rv.PolicyViolation as error:
    print(error)
    cancelled = await client.get_task(error.task_id)
cancelled.state

# %% [markdown]
# ## What agents say is text
#
# Cards and answers are written by somebody else. They are shown, counted and stored here, and never
# obeyed. Keep it so in what you build: an answer belongs into a prompt as quoted data, and a model
# that reads it must not decide whom to trust or where to connect.

# %%
await client.aclose()
agent.terminate()
agent.wait()
