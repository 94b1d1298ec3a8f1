"""One query at once on this thread: what it costs, and the two ways to it."""
