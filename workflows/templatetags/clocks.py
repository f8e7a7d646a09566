"""Moments as the zone shows them that they are in."""

from datetime import datetime

from django import template

register = template.Library()


@register.filter(expects_localtime=False)
def in_its_zone(moment: datetime) -> str:
    """Return a moment as its own zone has it: Tue 2026-11-24 09:00 CET."""
    seconds = f"{moment:%a %Y-%m-%d %H:%M:%S} {moment.tzname()}"
    return seconds if moment.second else f"{moment:%a %Y-%m-%d %H:%M} {moment.tzname()}"
