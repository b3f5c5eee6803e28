"""The readings of a machine: prove, explore, drive, conform. None knows a machine or an engine."""
