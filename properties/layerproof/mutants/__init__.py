"""Every mutant by every reading."""
