import requests
import json
import time
import threading
import websockets
import asyncio

class TradingStrategy:
    def __init__(self, api_key, rest_url="http://localhost:5000", ws_url="ws://localhost:8765"):
        self.api_key = api_key
        self.rest_url = rest_url
        self.ws_url = ws_url
        self.headers = {"X-API-KEY": api_key}
        self.ws_client = None
        self.ws_thread = None
        self.running = False

    def start(self):
        # 启动WebSocket连接线程
        self.running = True
        self.ws_thread = threading.Thread(target=self.start_ws_client)
        self.ws_thread.daemon = True
        self.ws_thread.start()

        # 开始交易逻辑
        while self.running:
            try:
                # 获取市场数据
                ticker = self.get_ticker("BTCUSDT")
                depth = self.get_order_book("BTCUSDT")

                # 交易逻辑
                # ...

                # 下单示例
                # self.place_order("BTCUSDT", "BUY", "LIMIT", 0.01, 20000)

                time.sleep(5)  # 每5秒执行一次
            except Exception as e:
                print(f"策略执行错误: {e}")
                time.sleep(5)

    def stop(self):
        self.running = False
        if self.ws_thread:
            self.ws_thread.join(timeout=5)

    def start_ws_client(self):
        asyncio.run(self.ws_client_loop())

    async def ws_client_loop(self):
        async with websockets.connect(self.ws_url) as websocket:
            # 认证
            await websocket.send(json.dumps({
                "method": "auth",
                "params": {"api_key": self.api_key},
                "id": 1
            }))

            # 订阅
            await websocket.send(json.dumps({
                "method": "subscribe",
                "params": {"streams": ["BTCUSDT@ticker", "BTCUSDT@depth"]},
                "id": 2
            }))

            # 接收消息
            while self.running:
                try:
                    message = await websocket.recv()
                    data = json.loads(message)
                    self.process_ws_message(data)
                except Exception as e:
                    print(f"WebSocket错误: {e}")
                    break

    def process_ws_message(self, data):
        # 处理WebSocket消息
        print(f"WS消息: {data}")

    def get_ticker(self, symbol):
        """获取最新价格"""
        response = requests.get(f"{self.rest_url}/api/v1/ticker/price?symbol={symbol}", headers=self.headers)
        return response.json()

    def get_order_book(self, symbol, limit=10):
        """获取订单簿"""
        response = requests.get(f"{self.rest_url}/api/v1/depth?symbol={symbol}&limit={limit}", headers=self.headers)
        return response.json()

    def place_order(self, symbol, side, order_type, quantity, price=None):
        """下单"""
        data = {
            "symbol": symbol,
            "side": side,
            "type": order_type,
            "quantity": str(quantity)
        }
        if price:
            data["price"] = str(price)

        response = requests.post(f"{self.rest_url}/api/v1/order", headers=self.headers, json=data)
        return response.json()

    def cancel_order(self, symbol, order_id):
        """取消订单"""
        params = f"symbol={symbol}&orderId={order_id}"
        response = requests.delete(f"{self.rest_url}/api/v1/order?{params}", headers=self.headers)
        return response.json()

    def get_account(self):
        """获取账户信息"""
        response = requests.get(f"{self.rest_url}/api/v1/account", headers=self.headers)
        return response.json()

# 使用示例
if __name__ == "__main__":
    # 获取API密钥（假设已经创建）
    api_key = "your_api_key_here"

    # 创建并启动策略
    strategy = TradingStrategy(api_key)
    try:
        strategy.start()
    except KeyboardInterrupt:
        strategy.stop()
        print("策略已停止")
