"""What one request to the outside may cost: seconds and bytes."""

from dataclasses import dataclass, replace

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes one request may take.

    `first_byte` covers a model being loaded, so it is long; `between` is the longest pause inside
    a stream; `size` counts decoded bytes, so a compressed bomb is cut as well.
    """

    connect: float = 5.0
    first_byte: float = 300.0
    between: float = 60.0
    total: float | None = 1800.0
    size: int = 64 * MEGABYTE
    redirects: int = 0


def quick(seconds: float, *, size: int = 4 * MEGABYTE) -> Limits:
    """Limits of a cheap question such as a probe: everything within `seconds`."""
    return replace(
        Limits(),
        connect=min(seconds, 5.0),
        first_byte=seconds,
        between=seconds,
        total=seconds * 2,
        size=size,
    )
