"""Lakes: one search over many stores."""
