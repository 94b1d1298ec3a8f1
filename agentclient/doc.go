// Package agentclient is a client of agents that speak A2A (Agent2Agent) 1.0, and 0.3: it finds an
// agent's card and decides whether to trust it, sends tasks, follows them over broken connections,
// and holds them within limits that the caller sets.
//
//	client, err := agentclient.Connect(ctx, "https://agent.example", agentclient.Options{})
//	task, err := client.Run(ctx, agentclient.Text("What is new?"))
//
// Reading order: options.go and client.go, how a client comes to be; session.go and cache.go, its
// card; verify.go, whether to believe it; spec.go and send.go, tasks that are sent; tasks.go and
// push.go, tasks that are there; update.go, stream.go and follow.go, what an agent tells while it
// works.
//
// Everything is safe for concurrent use. Errors are problem.Error. What agents say is data of
// strangers: it is passed on as it came, and never followed.
package agentclient
