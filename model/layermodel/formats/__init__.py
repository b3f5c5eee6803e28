"""Bytes that engines exchange: contents, digests, tar and image archives; nothing here knows a machine."""
