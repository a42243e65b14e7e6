"""Ask why: an order's journal, from the events that tell of it. `asking` is the way in."""
