"""Podman through its own API."""
