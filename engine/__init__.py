"""The exchange itself: plain Python and Redis, no Django."""
