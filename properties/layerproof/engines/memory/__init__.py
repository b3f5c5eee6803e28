"""The file system in memory, which is made of the union machine's own rules: it needs no root."""
