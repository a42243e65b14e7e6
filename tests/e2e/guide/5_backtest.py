from qte.exchange import MockExchange
from qte.core import EngineManager
import threading
import time

# 创建并启动模拟交易所
exchange = MockExchange()
exchange.start()
exchange.register_symbol("BTCUSDT", "BTC", "USDT")
api_key = exchange.create_user("strategy1", "Strategy One")
exchange.deposit("strategy1", "BTC", 1.0)
exchange.deposit("strategy1", "USDT", 50000.0)

# 创建并配置回测引擎
engine_manager = EngineManager()
# 配置数据源等...

# 启动回测
engine_manager.start()

# 等待回测完成
time.sleep(10)  # 或者使用事件等待回测完成

# 停止服务
engine_manager.stop()
exchange.stop()
