"""Recorded history: reading a file, putting it in order, playing it into the book, and making one up."""
