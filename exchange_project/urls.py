"""Pages served by Django. `/api/`, `/sapi/`, `/_sim/` and `/healthz` never come here: asgi.py answers them before."""

from django.contrib import admin
from django.urls import path

from markets.pages import front_page

admin.site.site_header = "Simulated spot exchange"
admin.site.site_title = "exchange admin"
admin.site.index_title = "What is there, and what may be done about it"
admin.site.enable_nav_sidebar = False  # templates/admin/base_site.html has a row of links instead

urlpatterns = [
    path("", front_page, name="front_page"),
    path("admin/", admin.site.urls),
]
