import asyncio
import json
import websockets

async def connect_to_websocket():
    # WebSocket URL
    ws_url = "ws://localhost:8765"

    # 连接WebSocket
    async with websockets.connect(ws_url) as websocket:
        # 认证
        auth_msg = {
            "method": "auth",
            "params": {
                "api_key": "your_api_key_here"
            },
            "id": 1
        }
        await websocket.send(json.dumps(auth_msg))
        response = await websocket.recv()
        print(f"认证响应: {response}")

        # 订阅市场数据
        subscribe_msg = {
            "method": "subscribe",
            "params": {
                "streams": ["BTCUSDT@trade", "BTCUSDT@depth"]
            },
            "id": 2
        }
        await websocket.send(json.dumps(subscribe_msg))
        response = await websocket.recv()
        print(f"订阅响应: {response}")

        # 订阅用户数据
        subscribe_user_msg = {
            "method": "subscribe",
            "params": {
                "streams": ["user1@account", "user1@order"]
            },
            "id": 3
        }
        await websocket.send(json.dumps(subscribe_user_msg))
        response = await websocket.recv()
        print(f"用户订阅响应: {response}")

        # 接收消息
        while True:
            message = await websocket.recv()
            data = json.loads(message)
            print(f"收到消息: {data}")

# 运行示例
asyncio.run(connect_to_websocket())
