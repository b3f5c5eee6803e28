"""What holds of each machine, how it is drawn at random, shown, and held beside an engine."""
