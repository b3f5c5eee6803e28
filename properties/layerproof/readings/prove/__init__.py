"""The first reading: proofs for stores of any size."""
