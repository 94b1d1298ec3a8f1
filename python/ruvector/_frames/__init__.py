"""Frames of every library, and the verbs that search them."""
