"""An OAuth2 provider on this machine, by oauthlib: says yes at once, counts what it gives.

`with provided() as provider: provider.url`. Pages: `/authorize`, `/token`, and `/me`, which wants
a token that holds and echoes it.
"""

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from oauthlib.oauth2 import RequestValidator, Server

CLIENT, SECRET = "whoosh", "provider-secret-5b1f"


class Provider(RequestValidator):
    """What is known of clients, codes and tokens; `seconds` is how long tokens hold."""

    def __init__(self) -> None:
        self.url = ""
        self.seconds = 3600
        self.public = False
        self.codes: dict[str, Any] = {}
        self.access: dict[str, bool] = {}
        self.refresh: set[str] = set()
        self.asked: list[dict[str, list[str]]] = []  # bodies of token requests
        self.down = False
        self.server = Server(self, token_expires_in=lambda request: self.seconds)

    def revoke(self) -> None:
        """Let no token hold any more."""
        self.access.clear()
        self.refresh.clear()

    # -- oauthlib asks ---------------------------------------------------------------------------

    def validate_client_id(self, client_id: str, request: Any, *_: Any, **__: Any) -> bool:
        return client_id == CLIENT

    def client_authentication_required(self, request: Any, *_: Any, **__: Any) -> bool:
        return not self.public

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        given = (request.client_id, request.client_secret)
        if sent := request.headers.get("Authorization", ""):
            given = tuple(base64.b64decode(sent.removeprefix("Basic ")).decode().split(":"))
        request.client = type("Client", (), {"client_id": CLIENT})
        return given == (CLIENT, SECRET)

    def authenticate_client_id(self, client_id: str, request: Any, *_: Any, **__: Any) -> bool:
        request.client = type("Client", (), {"client_id": CLIENT})
        return client_id == CLIENT

    def validate_redirect_uri(self, client_id: str, uri: str, *_: Any, **__: Any) -> bool:
        return urlsplit(uri).path == "/credentials/oauth2/callback/"

    def get_default_scopes(self, *_: Any, **__: Any) -> list[str]:
        return ["tides"]

    def validate_scopes(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_response_type(self, client_id: str, kind: str, *_: Any, **__: Any) -> bool:
        return kind == "code"

    def validate_grant_type(self, *_: Any, **__: Any) -> bool:
        return True

    def is_pkce_required(self, *_: Any, **__: Any) -> bool:
        return True

    def save_authorization_code(self, client_id: str, code: Any, request: Any, *_: Any) -> None:
        kept = (request.code_challenge, request.code_challenge_method, request.redirect_uri)
        self.codes[code["code"]] = kept

    def validate_code(self, client_id: str, code: str, *_: Any, **__: Any) -> bool:
        return code in self.codes

    def get_code_challenge(self, code: str, request: Any) -> str:
        return self.codes[code][0]

    def get_code_challenge_method(self, code: str, request: Any) -> str:
        return self.codes[code][1]

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, *_: Any, **__: Any
    ) -> bool:
        return self.codes[code][2] == redirect_uri

    def invalidate_authorization_code(self, client_id: str, code: str, *_: Any) -> None:
        del self.codes[code]

    def save_bearer_token(self, token: Any, request: Any, *_: Any, **__: Any) -> None:
        self.access[token["access_token"]] = True
        if "refresh_token" in token:
            self.refresh.add(token["refresh_token"])

    def validate_refresh_token(self, token: str, *_: Any) -> bool:
        return token in self.refresh

    def get_original_scopes(self, *_: Any, **__: Any) -> list[str]:
        return ["tides"]

    def rotate_refresh_token(self, request: Any) -> bool:
        self.refresh.discard(request.refresh_token)
        return True


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        if self.path.startswith("/authorize"):
            wanted = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            uri = f"http://provider{self.path}"
            wish = {"redirect_uri": wanted["redirect_uri"], "state": wanted["state"]}
            wish |= {"code_challenge": wanted["code_challenge"], "code_challenge_method": "S256"}
            headers, body, status = provider.server.create_authorization_response(
                uri, scopes=["tides"], credentials=wish
            )
            return self._say(status, body or "", headers)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not provider.access.get(token):
            return self._say(401, json.dumps({"refused": token}))
        return self._say(200, json.dumps({"token": token}))

    def do_POST(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        provider.asked.append(parse_qs(body))
        if provider.down:
            return self._say(503, f"down; you said {body}")
        headers, text, status = provider.server.create_token_response(
            f"http://provider{self.path}", "POST", body, dict(self.headers)
        )
        return self._say(status, text, headers)

    def _say(self, status: int, body: str, headers: Any = ()) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **dict(headers)}.items():
            self.send_header(name, value)
        data = body.encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def provided() -> Iterator[Provider]:
    """Run a provider as long as the block lasts."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    server.provider = provider  # type: ignore[attr-defined]
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
