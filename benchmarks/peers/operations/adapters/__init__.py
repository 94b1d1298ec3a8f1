"""One module a library: what its index must do to be filtered, changed, or made a graph of."""
