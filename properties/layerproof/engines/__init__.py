"""Adapters to real engines, and the one that is built in."""
