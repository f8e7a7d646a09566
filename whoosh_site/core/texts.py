"""What a text column of any database can hold."""


def storable(text: str) -> bool:
    """Say whether a text has neither null characters nor halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
