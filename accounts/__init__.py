"""The private side of the exchange: traders, API keys, balances, orders, user streams."""
