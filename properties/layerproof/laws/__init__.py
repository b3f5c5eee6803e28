"""What must hold, as formulas: laws, what has to be proved of them, lemmas, and deliberately wrong rules."""
