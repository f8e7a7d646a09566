"""Django admin behind our own sign-in, in our own words."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from whoosh_site.core.errors import Forbidden


class AdminSite(admin.AdminSite):
    """Where agents and people are managed."""

    site_header = "Administration"
    site_title = "WHOOSH"
    index_title = "Administration"
    enable_nav_sidebar = False
    # Whoever edits a schedule of django-q2 names code to run; Django's groups play no part here.
    LEFT_OUT = ("django_q", "auth")

    def register(self, model_or_iterable: Any, *args: Any, **options: Any) -> None:
        """Register, but for models nobody should edit."""
        found = (
            model_or_iterable if isinstance(model_or_iterable, Iterable) else [model_or_iterable]
        )
        wanted = [model for model in found if model._meta.app_label not in self.LEFT_OUT]
        super().register(wanted, *args, **options)

    def get_urls(self) -> list[Any]:
        """Leave out what asks nobody: ways from any row to its page, and guesses at a password."""
        left_out = ("view_on_site", "password_change", "password_change_done")
        return [url for url in super().get_urls() if getattr(url, "name", "") not in left_out]

    @method_decorator(never_cache)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Use the product's sign-in; people who are no staff are told so."""
        if request.user.is_authenticated:
            raise Forbidden("The administration is for staff. Ask an administrator for access.")
        return redirect_to_login(request.get_full_path(), reverse("login"))
