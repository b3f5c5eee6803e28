"""The union machine: what a container sees of its image's files and its own."""
