"""Debug Helper: fails on purpose, or gives random data."""

import random
import string
import uuid
from collections.abc import Callable
from typing import Any

from workflows.engine.conversion import number, text
from workflows.engine.errors import NodeError
from workflows.engine.items import Outputs, item
from workflows.engine.node import Context, Node, Unsupported
from workflows.engine.parameters import choice, flag, shown_when
from workflows.engine.parameters import number as number_field
from workflows.engine.parameters import text as text_field
from workflows.nodes import shelf

MOST = 10_000
FIRST = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Juno")
LAST = ("Adler", "Brook", "Cole", "Dale", "Ford", "Hill", "Lind", "Moss", "Reed", "Stone")
PLACES = ("Northfield", "Easton", "Southport", "Weston", "Lakeview", "Hillcrest")
Chance = random.Random
DATA = {
    "address": "Address",
    "latLong": "Coordinates",
    "creditCard": "Credit Card",
    "email": "Email",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "macAddress": "MAC",
    "nanoid": "NanoIds",
    "url": "URL",
    "user": "User Data",
    "uuid": "UUID",
    "semver": "Version",
}
FIELDS = (
    choice(
        "category", "Category",
        {
            "doNothing": "Do Nothing",
            "throwError": "Throw Error",
            "oom": "Out Of Memory",
            "randomData": "Generate Random Data",
        },
        "throwError", literal=True,
    ),
    *shown_when(
        {"category": ["throwError"]},
        choice(
            "throwErrorType", "Error Type",
            {
                "NodeApiError": "NodeApiError",
                "NodeOperationError": "NodeOperationError",
                "Error": "Error",
            },
            "NodeApiError",
        ),
        text_field("throwErrorMessage", "Error Message", "Node has thrown an error"),
    ),
    number_field("memorySizeValue", "Memory Size to Generate", 10, when={"category": ["oom"]}),
    *shown_when(
        {"category": ["randomData"]},
        choice("randomDataType", "Data Type", DATA, "user"),
        text_field(
            "nanoidAlphabet", "NanoId Alphabet", "0123456789abcdefghijklmnopqrstuvwxyz",
            when={"randomDataType": ["nanoid"]},
        ),
        text_field("nanoidLength", "NanoId Length", "16", when={"randomDataType": ["nanoid"]}),
        text_field("randomDataSeed", "Seed", hint="The same seed gives the same data."),
        number_field("randomDataCount", "Number of Items to Generate", 10),
        flag("randomDataSingleArray", "Output as Single Array"),
    ),
)  # fmt: skip


@shelf.add
class DebugHelper(Node):
    """Fail on purpose or make up data, to try a workflow with."""

    key = "n8n-nodes-base.debugHelper"
    label = "Debug Helper"
    group = "Flow"
    icon = "bug"
    reaches_out = True
    fields = FIELDS
    unsupported = (
        Unsupported("category", ("oom",), "is not supported: a run must not use up the memory"),
    )

    async def run(self, context: Context) -> Outputs:
        """Do what the category says for each item."""
        made = []
        for index, one in context.each():
            category = context.value("category")
            if category == "throwError":
                error = NodeError(text(context.value("throwErrorMessage", index)))
                if not context.goes_on:
                    raise context.blamed(error, index)
                made.append(context.failed(error, index))
            elif category == "randomData":
                made += [item(row, index) for row in _random(context, index)]
            else:
                made.append(one)
        return [made]


def _random(context: Context, index: int) -> list[dict[str, Any]]:
    kind = str(context.value("randomDataType", index))
    make = MAKERS.get(kind)
    if make is None:
        raise NodeError(f"Debug Helper makes no data of the type {kind!r}.", item=index)
    count = number(context.value("randomDataCount", index))
    if count != count or not 0 <= count <= MOST:
        raise NodeError(f"Debug Helper makes 0 to {MOST} items at once.", item=index)
    seed = context.value("randomDataSeed", index, default="")
    chance = Chance(text(seed) if seed else None)
    if kind == "nanoid":
        rows = [_nanoid(context, index, chance) for _ in range(int(count))]
    else:
        rows = [make(chance) for _ in range(int(count))]
    single = context.value("randomDataSingleArray", index, default=False) is True
    return [{"generatedItems": rows}] if single else rows


def _nanoid(context: Context, index: int, chance: Chance) -> dict[str, Any]:
    alphabet = text(context.value("nanoidAlphabet", index)) or string.ascii_lowercase
    length = number(context.value("nanoidLength", index))
    size = int(length) if length == length else 16
    return {"nanoId": "".join(chance.choices(alphabet, k=min(max(size, 1), 1000)))}


def _name(chance: Chance) -> tuple[str, str]:
    return chance.choice(FIRST), chance.choice(LAST)


def _email(chance: Chance) -> str:
    first, last = _name(chance)
    return f"{first}.{last}{chance.randrange(100)}@example.com".lower()


def _user(chance: Chance) -> dict[str, Any]:
    first, last = _name(chance)
    return {
        "uid": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "email": f"{first}.{last}@example.com".lower(),
        "firstname": first,
        "lastname": last,
        "password": "".join(chance.choices(string.ascii_letters + string.digits, k=12)),
    }


def _address(chance: Chance) -> dict[str, Any]:
    return {
        "firstname": chance.choice(FIRST),
        "lastname": chance.choice(LAST),
        "street": f"{chance.randrange(1, 200)} {chance.choice(LAST)} Street",
        "city": chance.choice(PLACES),
        "zip": f"{chance.randrange(100_000):05d}",
        "country": "Nowhere",
    }


def _card(chance: Chance) -> dict[str, Any]:
    return {
        "type": "Test",
        "number": "4000" + "".join(chance.choices(string.digits, k=12)),
        "ccv": f"{chance.randrange(1000):03d}",
        "exp": f"{chance.randrange(1, 13):02d}/{chance.randrange(30, 40)}",
        "holder_name": " ".join(_name(chance)),
    }


def _bytes(chance: Chance, count: int, form: str, between: str) -> str:
    size = 65536 if form == "x" else 256
    return between.join(format(chance.randrange(size), form) for _ in range(count))


MAKERS: dict[str, Callable[[Chance], dict[str, Any]]] = {
    "address": _address,
    "creditCard": _card,
    "email": lambda chance: {"email": _email(chance), "confirmed": chance.random() < 0.5},
    "ipv4": lambda chance: {"ip": _bytes(chance, 4, "d", ".")},
    "ipv6": lambda chance: {"ipv6": _bytes(chance, 8, "x", ":")},
    "latLong": lambda chance: {
        "lat": round(chance.uniform(-90, 90), 6),
        "long": round(chance.uniform(-180, 180), 6),
    },
    "macAddress": lambda chance: {"mac": _bytes(chance, 6, "02x", ":")},
    "nanoid": lambda chance: {},
    "semver": lambda chance: {"version": _bytes(chance, 3, "d", ".")},
    "url": lambda chance: {"url": f"https://example.com/{chance.choice(LAST).lower()}"},
    "user": _user,
    "uuid": lambda chance: {"uuid": str(uuid.UUID(int=chance.getrandbits(128), version=4))},
}
