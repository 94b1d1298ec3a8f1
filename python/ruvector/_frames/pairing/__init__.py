"""Joins of two frames by nearness: who asks, who is found, what the answer is called."""
