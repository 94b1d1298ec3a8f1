"""The verbs that take a frame, a file each."""
