"""Processes and signals: what a run may leave behind when it ends, which is nothing."""
