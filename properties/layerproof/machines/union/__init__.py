"""The union machine's laws, mutants, pictures, random runs, and what an engine of it must offer."""
