from qte.exchange import MockExchange

# 创建模拟交易所实例
exchange = MockExchange(rest_host="localhost", rest_port=5000,
                        ws_host="localhost", ws_port=8765)

# 启动交易所服务
exchange.start()

# 注册交易对
exchange.register_symbol("BTCUSDT", "BTC", "USDT")

# 创建用户并获取API密钥
api_key = exchange.create_user("user1", "User One")

# 为用户充值
exchange.deposit("user1", "BTC", 1.0)
exchange.deposit("user1", "USDT", 50000.0)
