"""Columns alone: of which kind they are, and verbs that answer row by row."""
