"""Whatever a person passes becomes columns, queries, masks and ids."""
