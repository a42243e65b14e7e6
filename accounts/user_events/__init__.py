"""User events in Binance's form: under which name they are heard, and for how long."""
