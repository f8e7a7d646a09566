"""What the picture of a workflow needs."""

from django import template
from django.templatetags.static import static
from django.utils.safestring import SafeString

from agents.markdown import render_markdown

register = template.Library()


@register.simple_tag
def drawing(name: str) -> str:
    """Return the address of an icon's drawing."""
    return f"{static('vendor/icons.svg')}#{name}"


@register.filter
def said(text: str) -> SafeString:
    """Return the Markdown of a sticky note as safe HTML, without images."""
    return render_markdown(text)
