"""Questions with known answers, embedders that packages carry, and how well those find these."""
