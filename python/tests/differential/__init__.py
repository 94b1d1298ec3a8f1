"""Random small cases of every verb against a float64 model in NumPy, from seeds that replay.

Nothing here was read off the library: the model follows the documents and docstrings. One case
is one seed, "SEED:NUMBER"; ``python -m differential --help`` says how to run and replay it.
"""
