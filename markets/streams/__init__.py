"""The public streams: what an event of a symbol becomes for those who listen, built once for all of them."""
