"""Names to models: what a name means, where its files are, and that they are the right ones."""
