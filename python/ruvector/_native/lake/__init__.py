"""The doors to lakes: stores, searches of collections, and all that JSON says."""
