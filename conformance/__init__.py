"""What `manage.py conformance` runs: documented rules of Binance Spot, each asked of a running exchange.

rules.py       a rule, an area of them, what came of one
checks.py      patterns of answers, and what differs from them
transport.py   bytes over HTTP and WebSocket, as they are: nothing is encoded again on the way
signing.py     HMAC, Ed25519 and RSA keys, and the payloads they sign
lab.py         users and symbols that rules need, made by /_sim
table.py       all areas, in the order of the report
areas/         the rules
runner.py      runs them, against a given exchange or one of its own
report.py      docs/CONFORMANCE.md and JSON

The fact a newcomer would get wrong: a rule says what the document says. If the exchange does something else, the rule
fails and stands in the report as failed; it is never bent to what the exchange does.
"""
