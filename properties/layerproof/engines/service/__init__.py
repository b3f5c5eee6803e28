"""What engines that serve an API on a socket have in common."""
