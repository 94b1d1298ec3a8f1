"""`make peers`: ruvector and its peers on the same rows, side by side, in one run.

See benchmarks/peers/README.md for the protocol and for how to add a peer.
"""
