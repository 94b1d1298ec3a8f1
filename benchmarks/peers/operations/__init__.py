"""Filters, changes and neighbour graphs beside those of other libraries, in one run.

See "Operations" in benchmarks/peers/README.md for the protocol.
"""
