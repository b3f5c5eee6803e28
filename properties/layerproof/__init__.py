"""What must hold of a container store, and every way of checking it."""
