"""What a test may do to the exchange and nobody can do to the real one, and the demo market."""
