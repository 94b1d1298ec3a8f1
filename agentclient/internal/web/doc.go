// Package web is the way to the network of the client of agents: HTTP that asks only whom the
// caller trusts, dials only where it may, reads no more than it was told to, waits no longer, and
// says of every failure what it was.
//
// Reading order: options.go, what can be set; origin.go, whom may be asked; address.go, what may be
// dialled; client.go, connections; request.go, one request; body.go, what is read; failure.go, what
// went wrong; retry.go, asking again; credential.go, attach.go and oauth.go, who is asking.
package web
