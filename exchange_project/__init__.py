"""The wiring: settings, URLs, the ASGI application and what `manage.py up` runs. Nothing imports this room."""
