/* Part of ruvector.h: agents that speak A2A. */

/* Begins an operation on what `on` stands for: an agent, a stream, or 0 for operations that make
 * or need neither. budget: a budget that a new agent keeps to, 0 for none. request: JSON; the
 * operations and what they take are in cabi/internal/agents/calls.go. The task's result is for
 * rv_agent_answer, also where the operation failed or was cancelled. Cancelling the task ends the
 * request to the agent. */
RV_API int32_t rv_agent_call_start(rv_handle on, rv_handle budget, const char *op,
    const char *request, int64_t len, rv_handle *task, rv_error *error);
/* What an operation answered: out receives JSON of "ok", or of "error" with "code" (the name of an
 * error), "message", "op", "url", "task_id", "attempts" and "detail". made receives the agent,
 * stream or budget that it made, else 0; the same one each time, which belongs to the caller. */
RV_API int32_t rv_agent_answer(rv_handle answer, rv_handle *made, rv_bytes *out,
    rv_error *error);
/* The same for what nothing is waited for; out receives the JSON. */
RV_API int32_t rv_agent_ask(rv_handle on, const char *op, const char *request, int64_t len,
    rv_bytes *out, rv_error *error);
/* Takes up to most updates of a stream, those that came first: a JSON array of at most 256 and
 * about 256 KiB. Never waits. After the last update follows one of kind "end", or "error" with the
 * error. Of what was not taken, 64 updates and 8 MiB are kept; then the agent has to wait. */
RV_API int32_t rv_agent_take(rv_handle stream, int64_t most, rv_bytes *out, rv_error *error);
/* Waits up to ms for something to take; ready receives whether there is. */
RV_API int32_t rv_agent_wait(rv_handle stream, int64_t ms, int32_t *ready, rv_error *error);
/* Has the token appear in a queue once there is something to take: at once if there is. One watch
 * at a time: the token of the one before appears now. Freeing the stream lets it appear, too. */
RV_API int32_t rv_agent_watch(rv_handle queue, rv_handle stream, uint64_t token, rv_error *error);
