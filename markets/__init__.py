"""The public side of the exchange: assets, symbols and their rules, market data."""
