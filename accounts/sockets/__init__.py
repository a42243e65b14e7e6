"""What clients say over a WebSocket, and what they are answered: the guide's requests and Binance's."""
