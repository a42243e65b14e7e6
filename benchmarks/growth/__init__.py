"""How costs grow: `manage.py bench --growth`.

curves.py        what was measured against what, and how steep it is
engine.py        orders against the size of the book, users, symbols and fills: CPU time of Redis
sockets.py       one event against its subscribers, memory of a worker per socket and subscription: CPU time of a worker
idle.py          symbols that nobody trades: CPU time of a worker and of the clockwork, a second
run.py           all of them, one after the other
chart.py         a curve as a picture; letters.py draws its words
"""
