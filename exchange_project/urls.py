"""Pages served by Django. `/api/`, `/sapi/`, `/_sim/` and `/healthz` never come here: asgi.py answers them before."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
