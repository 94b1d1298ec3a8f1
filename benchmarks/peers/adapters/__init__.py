"""One file per peer: how it is built, tuned, asked and saved. `Peer` is what all of them are."""
