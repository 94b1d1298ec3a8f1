"""Other agents: cards, tasks and their updates, trust, credentials, limits, and the client."""
