"""Digest Auth: the password answers what the server asks, and is never sent itself."""

from workflows.credentials import shelf
from workflows.credentials.base import CredentialType
from workflows.engine.parameters import text


@shelf.add
class HttpDigestAuth(CredentialType):
    """The password answers what the server asks first, and is never sent itself."""

    key = "httpDigestAuth"
    label = "Digest Auth"
    signs = answers = True
    fields = (text("user", "User"), text("password", "Password", secret=True))
