"""The streams, over real sockets."""
