"""Who is calling: people by name or e-mail and password, programs by key."""

import math
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from whoosh_site.core.errors import TooMany
from whoosh_site.core.models.access import ApiKey, Lockout
from whoosh_site.core.models.people import User

FREE_TRIES_PER_ADDRESS = 20


class NameOrEmailBackend(ModelBackend):
    """Sign in with user name or e-mail address; guesses are slowed down per account and address."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        """Return the user, or None. Unknown names take as long as wrong passwords.

        Raises:
            TooMany: this account or address has to wait, whatever the password.
        """
        if not username or password is None:
            return None
        account = Lockout.subject_for("account", username)
        address = Lockout.subject_for("address", address_of(request))
        wait = Lockout.wait(account, address)
        if wait > 0:
            raise TooMany(f"Too many failed tries. Wait {math.ceil(wait)} seconds.", wait)
        user = User.objects.named(username).first()
        if user is None:
            make_password(password)  # the same work as for a real account
        elif user.check_password(password) and self.user_can_authenticate(user):
            Lockout.forget(account)
            return user
        Lockout.failed(account)
        Lockout.failed(address, free=FREE_TRIES_PER_ADDRESS)
        return None


def address_of(request: HttpRequest | None) -> str:
    """Return the peer's IP address; forwarded headers are not believed."""
    return request.META.get("REMOTE_ADDR", "") if request is not None else "console"


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>` (also Token and Api-Key) or `X-Api-Key: <key>`."""

    SCHEMES = ("bearer", "token", "api-key")

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return the key's user and the key; None when no key was sent."""
        text = self._sent(request)
        if text is None:
            return None
        address = Lockout.subject_for("key from", address_of(request))
        wait = Lockout.wait(address)
        if wait > 0:
            raise Throttled(wait, "Too many wrong keys from this address.")
        key = ApiKey.find(text)
        if key is None:
            Lockout.failed(address, free=FREE_TRIES_PER_ADDRESS)
            raise AuthenticationFailed("This key is unknown, expired or revoked.")
        key.touch()
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """Ask for a Bearer key with 401."""
        return "Bearer"

    def _sent(self, request: Request) -> str | None:
        header = request.headers.get("Authorization", "")
        scheme, _, value = header.partition(" ")
        if scheme.lower() in self.SCHEMES:
            return value.strip()
        if header:
            raise AuthenticationFailed("Use 'Authorization: Bearer <key>'.")
        return request.headers.get("X-Api-Key")


class BrowserAuthentication(SessionAuthentication):
    """The session of a signed-in page, with its CSRF token."""
