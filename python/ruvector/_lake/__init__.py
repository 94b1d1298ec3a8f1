"""One search over many stores: `RuLake`, the stores, results.

Reading order: consistency.py and keys.py (vocabulary), stores.py, lake.py (the class, whose verbs
are in searching.py, keeping.py and telling.py), result.py.
"""
