"""Binance's WebSocket API, /ws-api/v3: the endpoints of REST, asked for by method name over one socket."""
