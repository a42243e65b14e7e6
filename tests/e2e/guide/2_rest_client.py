import requests

# API基本URL
base_url = "http://localhost:5000"

# API密钥（通过exchange.create_user获取）
api_key = "your_api_key_here"

# 设置请求头
headers = {
    "X-API-KEY": api_key
}

# 查询账户信息
response = requests.get(f"{base_url}/api/v1/account", headers=headers)
account_info = response.json()
print(account_info)

# 下单示例（限价买单）
order_data = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "quantity": "0.01",
    "price": "20000",
    "newClientOrderId": "my_order_id_123"
}
response = requests.post(f"{base_url}/api/v1/order", headers=headers, json=order_data)
order_result = response.json()
print(order_result)
