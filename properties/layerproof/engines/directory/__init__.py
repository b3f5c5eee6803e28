"""The embedded engine: a small container store in a folder."""
