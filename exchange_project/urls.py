"""Pages served by Django. `/api/`, `/sapi/`, `/_sim/` and `/healthz` never come here: asgi.py answers them before.

The fact a newcomer would get wrong: bots come here too, by a slash too many or a path without its version. So whoever
does not ask for HTML is told in JSON that there is nothing.
"""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views import defaults
from django.views.generic import RedirectView

from api.dialects import BARE
from api.errors import UNKNOWN, Answer, unknown_path
from api.router import CONTENT_TYPE
from exchange_project.documents import docs_page
from exchange_project.logins import LoginForm
from markets.pages import front_page

admin.site.site_header = "Simulated spot exchange"
admin.site.site_title = "exchange admin"
admin.site.index_title = "What is there, and what may be done about it"
admin.site.login_form = LoginForm
admin.site.enable_nav_sidebar = False  # templates/admin/base_site.html has a row of links instead


def no_icon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for one on every page without, and a line in the log of `up` would say each time that it lacks."""
    return HttpResponse(status=204)


urlpatterns = [
    path("favicon.ico", no_icon),
    path("", front_page, name="front_page"),
    path("docs", docs_page, name="docs"),
    path("docs/", RedirectView.as_view(pattern_name="docs")),
    path("admin/", admin.site.urls),
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that Django refuses to look at, most often for its Host header."""
    if _wants_page(request):
        return defaults.bad_request(request, exception)
    return _json(Answer(400, -1000, "Bad request: its Host, or another header, is not accepted here."))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No such page."""
    if _wants_page(request):
        return defaults.page_not_found(request, exception)
    return _json(unknown_path(request.path).answer)


def handler500(request: HttpRequest) -> HttpResponse:
    """A page that failed; Django has logged why."""
    return defaults.server_error(request) if _wants_page(request) else _json(UNKNOWN)


def _wants_page(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _json(answer: Answer) -> HttpResponse:
    return HttpResponse(
        BARE.error_body(answer.code, answer.text), status=answer.status, content_type=CONTENT_TYPE[1].decode()
    )
