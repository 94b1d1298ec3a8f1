"""Adapters of stores that others make: tables of DuckDB, SQLite and LanceDB, frames, objects.

None of their packages is imported before a store of its kind is asked.
"""
