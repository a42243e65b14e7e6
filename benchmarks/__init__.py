"""What `manage.py bench` runs: each figure is a ratio of two things measured in one run, side by side.

ratios.py        the table of goals, and what was measured of each
measure.py       which measurement gives which figure, one after the other
engine_load.py   P1 and P5: orders straight into Redis; same_calls.lua is the yardstick
http_load.py     P6 and P7: one real web worker; http_generator.py is the process that asks it
socket_load.py   P8: the same worker, by HTTP and by WebSocket; socket_generator.py asks it
signed_orders.py what both generators send
fan_out.py       P9 and P10: one frame to a thousand sockets; bare_sender.py and channels_worker.py are the others
durability.py    P11: orders with and without the append-only file
report_delay.py  P12: two workers; report_generator.py trades with one and listens to the other
replay_rate.py   P13: a recording at full speed
start.py         how long starting and emptying take
growth/          how costs grow
peers.py         the same orders elsewhere; django_peer.py is the stock Django project
sections.py      these four: measured, printed, written; document.py rewrites the tables of docs/PERFORMANCE.md
report.py        environment, table for people, JSON for programs
"""
