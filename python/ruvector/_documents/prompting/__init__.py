"""What a prompt is made of: hits, counted tokens, and lines."""
