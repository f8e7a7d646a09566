"""Documents behind an address, fetched under the address policy."""

from urllib.parse import unquote, urlsplit

from asgiref.sync import async_to_sync

from whoosh_site.core.errors import BadInput
from whoosh_site.core.http import Door, Fetched
from whoosh_site.core.limits import Limits
from workflows.allowed import policy
from workflows.n8n.reading import LARGEST, decoded

LIMITS = Limits(first_byte=20.0, between=10.0, total=60.0, size=LARGEST, redirects=5)


def fetch_document(url: str) -> tuple[str, str]:
    """Return the text behind an address, and the stem of its last part.

    Raises:
        BadInput: it is no address, or what came is no text in JSON.
        Outside: the policy refuses it, or no answer came in time.
    """
    found = async_to_sync(_fetched)(url.strip())
    if found.status != 200:
        raise BadInput(f"url: the address answered {found.status}; is it public?")
    if "html" in found.headers.get("content-type", ""):
        said = "url: this is a web page; give the address of the file itself (on GitHub: Raw)."
        raise BadInput(said)
    name = unquote(urlsplit(found.url).path.rpartition("/")[2])
    return decoded(found.body), name.removesuffix(".json")


async def _fetched(url: str) -> Fetched:
    door = Door(policy(), LIMITS)
    try:
        return await door.fetch("GET", url, headers={"accept": "application/json, */*"})
    finally:
        await door.close()
