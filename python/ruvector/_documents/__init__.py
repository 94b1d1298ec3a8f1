"""Documents: files as texts with their places, chunks, and prompts made of what is found."""
