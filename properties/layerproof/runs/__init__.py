"""A run as data: traces, findings, the laws as compiled monitors, and how a run is made shorter."""
