"""Who is calling: people by name or e-mail and password, programs by key."""

import math
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from whoosh_site.core.addresses import Ip, plain
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
        user = User.objects.named(username).first()
        # A name and a mail address of one account share their tries.
        account = Lockout.subject_for(*(("user", str(user.pk)) if user else ("name", username)))
        address = Lockout.subject_for("address", address_of(request))
        wait = (
            Lockout.wait(account, address)
            or Lockout.tried(address, free=FREE_TRIES_PER_ADDRESS)
            or Lockout.tried(account)
        )
        if wait > 0:
            raise TooMany(f"Too many failed tries. Wait {math.ceil(wait)} seconds.", wait)
        if user is None:
            make_password(password)  # the same work as for a real account
        elif user.check_password(password) and self.user_can_authenticate(user):
            Lockout.forget(account)
            Lockout.take_back(address)
            return user
        return None


def address_of(request: HttpRequest | None) -> str:
    """Return the caller's IP address: the peer's, or what our own reverse proxy says.

    That is a peer on this machine, while people come by https: who is believed about the scheme is
    believed about the last hop too, the one address in the header that the proxy itself wrote.
    """
    if request is None:
        return "console"
    peer = request.META.get("REMOTE_ADDR", "")
    hop = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    near, by_https = _ip(peer), settings.BASE_URL.startswith("https://")
    return hop if by_https and near and near.is_loopback and _ip(hop) else peer


def _ip(text: str) -> Ip | None:
    try:
        return plain(ip_address(text))
    except ValueError:
        return None


def wrong(request: HttpRequest, told: str) -> AuthenticationFailed | Throttled:
    """Count a key or token that opens nothing; returns what to say: `told`, or to wait.

    Only wrong ones wait: no stranger at the same address shuts out who has a right one.
    """
    address = Lockout.subject_for("key from", address_of(request))
    wait = Lockout.tried(address, free=FREE_TRIES_PER_ADDRESS)
    if wait > 0:
        return Throttled(wait, "Too many wrong keys from this address.")
    return AuthenticationFailed(told)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>` (also Token and Api-Key) or `X-Api-Key: <key>`."""

    SCHEMES = ("bearer", "token", "api-key")

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return the key's user and the key; None when no key was sent."""
        text = self._sent(request)
        if text is None:
            return None
        key = ApiKey.find(text)
        if key is None:
            raise wrong(request, "This key is unknown, expired or revoked.")
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
