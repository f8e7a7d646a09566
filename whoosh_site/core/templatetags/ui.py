"""What templates need to show figures, times and icons."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

TONES = {
    "online": "green",
    "success": "green",
    "ok": "green",
    "running": "blue",
    "queued": "cyan",
    "waiting": "purple",
    "degraded": "yellow",
    "overloaded": "orange",
    "draining": "purple",
    "quarantined": "red",
    "error": "red",
    "offline": "red",
    "unauthorised": "red",
    "warning": "yellow",
    "pending": "purple",
    "approved": "green",
    "rejected": "red",
    "expired": "yellow",
}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Return an icon of the sprite; with a label it speaks to screen readers."""
    href = f"{static('vendor/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', href)


@register.filter
def tone(state: str) -> str:
    """Return the colour word of a state."""
    return TONES.get(str(state), "secondary")


@register.filter
def duration(milliseconds: float | None) -> str:
    """Write milliseconds as a person reads them: 840 ms, 3.2 s, 2 min 5 s."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


@register.filter
def amount(value: float | None, digits: int = 1) -> str:
    """Write a figure, or a dash."""
    return "–" if value is None else f"{value:,.{digits}f}"


@register.filter
def size(count: int | None) -> str:
    """Write bytes as MB or GB."""
    if not count:
        return "–"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


@register.filter
def share(value: float) -> str:
    """Write a share from 0 to 1 as people give it: 0.9, 0.25."""
    return f"{value:g}"


@register.filter
def as_json(value: object) -> str:
    """Write a value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def counted(count: int, noun: str) -> str:
    """Write a number of things: 1 token, 1,200 tokens."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@register.filter
def unless_told(value: object) -> str:
    """Return the class of a cell without a value: phones leave it out."""
    return " wh-untold" if value in (None, "") else ""


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """Return a time the page keeps telling relative to now."""
    if moment is None:
        return "never"
    return format_html(
        '<time datetime="{}" data-ago>{}</time>', moment.isoformat(), f"{moment:%Y-%m-%d %H:%M}"
    )


@register.simple_tag
def clock(moment: datetime | None) -> SafeString | str:
    """Return a time the page writes in the reader's own zone."""
    if moment is None:
        return "–"
    return format_html(
        '<time datetime="{}" data-clock>{} UTC</time>',
        moment.isoformat(),
        f"{moment:%Y-%m-%d %H:%M:%S}",
    )


@register.simple_tag
def remaining(moment: datetime | None) -> SafeString | str:
    """Return for how long something still holds; the page keeps telling it."""
    if moment is None:
        return ""
    return format_html(
        '<time datetime="{}" data-left>until {} UTC</time>',
        moment.isoformat(),
        f"{moment:%Y-%m-%d %H:%M}",
    )


@register.simple_tag
def sparkline(values: Sequence[float], width: int = 240, height: int = 48) -> str:
    """Return the points of a polyline through the values, scaled from zero."""
    if len(values) < 2:
        return ""
    top = max(values) or 1
    step = width / (len(values) - 1)
    return " ".join(
        f"{index * step:.1f},{height - value / top * (height - 4) - 2:.1f}"
        for index, value in enumerate(values)
    )


@register.simple_tag(takes_context=True)
def keep(context: dict[str, Any], **changes: Any) -> str:
    """Return the current query with some parameters changed; empty ones are dropped."""
    query = context["request"].GET.copy()
    for name in ("fragment", "tick"):
        query.pop(name, None)
    for name, value in changes.items():
        if value in ("", None):
            query.pop(name, None)
        else:
            query[name] = value
    return f"?{query.urlencode()}"
