"""API keys, one-time links and the brakes on guessing."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from whoosh_site.core.models.people import User

SECOND_LOOK = timedelta(minutes=1)


class Scope(models.TextChoices):
    """What a key may be used for, always within what its user may do."""

    READ = "read", "read: look at things"
    RUN = "run", "run: start and cancel work"
    WRITE = "write", "write: change things of a team"
    ADMIN = "admin", "admin: what only administrators do"


def digest(secret: str) -> str:
    """Return the SHA-256 of a long random secret, as hex. Only this is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fresh_secret(mark: str) -> tuple[str, str, str]:
    """Return a new secret's prefix, digest and the text to show once, which begins with `mark`."""
    prefix = secrets.token_hex(4)
    text = f"{mark}_{prefix}_{secrets.token_urlsafe(32)}"
    return prefix, digest(text), text


def holder_of(text: str, mark: str, rows: "models.QuerySet[Any]") -> Any:
    """Return the row whose secret this is, found by prefix and compared in constant time."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != mark:
        return None
    row = rows.filter(prefix=parts[1][:8]).first()
    # Compare even without a row, so that a wrong prefix takes as long as a wrong secret.
    right = hmac.compare_digest(row.digest if row else digest(""), digest(text))
    return row if row and right else None


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Questions about many keys."""

    def visible_to(self, user: User) -> Self:
        """A user's own keys; all of them for an admin."""
        return self if user.is_superuser else self.filter(user=user)


class ApiKey(models.Model):
    """A secret that acts as its user within its scopes. The secret is shown once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    made_by = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, editable=False
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def fresh() -> tuple[str, str, str]:
        """Return a new key's prefix, digest and the text to show once."""
        return fresh_secret("whoosh")

    @classmethod
    def find(cls, text: str) -> "ApiKey | None":
        """Return the living key with this text."""
        key = holder_of(text, "whoosh", cls.objects.select_related("user"))
        return key if key and key.alive else None

    @property
    def alive(self) -> bool:
        """Neither expired nor belonging to a switched-off user."""
        expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return not expired and self.user.is_active

    def family(self) -> list["ApiKey"]:
        """This key, the keys made with it, and so on; locked until the transaction ends."""
        # Each generation is locked before its children are read: none makes another one meanwhile.
        keys, found = ApiKey.objects.select_for_update(), []
        generation = list(keys.filter(pk=self.pk))
        while generation:
            found += generation
            generation = list(keys.filter(made_by__in=generation))
        return found

    def touch(self) -> None:
        """Remember the use, at most once a minute."""
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - SECOND_LOOK:
            ApiKey.objects.filter(pk=self.pk).update(last_used_at=now)


class OneTimeLink(models.Model):
    """A link that works once: the first administrator's set-up, or setting a password."""

    class Purpose(models.TextChoices):
        """What the link lets its holder do."""

        SETUP = "setup", "Make the first administrator"
        PASSWORD = "password", "Set a password"

    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} until {self.expires_at:%Y-%m-%d %H:%M}"

    @classmethod
    def make(cls, purpose: str, user: User | None = None, *, hours: int = 48) -> str:
        """Replace earlier links of this purpose and user by a fresh one; returns its path."""
        cls.objects.filter(purpose=purpose, user=user, used_at=None).delete()
        token = secrets.token_urlsafe(32)
        cls.objects.create(
            purpose=purpose,
            user=user,
            digest=digest(token),
            expires_at=timezone.now() + timedelta(hours=hours),
        )
        return f"/welcome/{token}/"

    @classmethod
    def find(cls, token: str) -> "OneTimeLink | None":
        """Return the living link with this token."""
        link = cls.objects.filter(
            digest=digest(token), used_at=None, expires_at__gt=timezone.now()
        ).first()
        return link if link and link.alive else None

    @property
    def alive(self) -> bool:
        """Whether there is no administrator yet to set up, or the user may still sign in."""
        if self.purpose == self.Purpose.SETUP:
            return not User.objects.administrators().exists()
        return self.user is not None and self.user.is_active

    def use(self) -> bool:
        """Spend the link; False when someone was first."""
        spent = OneTimeLink.objects.filter(pk=self.pk, used_at=None)
        return spent.update(used_at=timezone.now()) == 1


FREE_TRIES = 5
LONGEST_WAIT = timedelta(minutes=15)
FORGET_AFTER = timedelta(hours=1)


def _wait_after(over: int) -> timedelta:
    return min(timedelta(seconds=2 ** min(over - 1, 12)), LONGEST_WAIT)


class Lockout(models.Model):
    """Failed tries of one account or one address; the wait doubles with each."""

    subject = models.CharField(max_length=64, unique=True)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.failures} failed tries"

    @staticmethod
    def subject_for(kind: str, name: str) -> str:
        """Return the stored form: keyed, so the table holds neither names nor addresses."""
        text = f"{kind}:{name.strip().lower()}".encode()
        return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()

    @classmethod
    def wait(cls, *subjects: str) -> float:
        """Return the seconds all of these must still wait; 0 when none is blocked."""
        now = timezone.now()
        rows = cls.objects.filter(subject__in=subjects, until__gt=now).values_list("until")
        return max(((until - now).total_seconds() for (until,) in rows), default=0.0)

    @classmethod
    def tried(cls, subject: str, *, free: int = FREE_TRIES) -> float:
        """Count one failure, unless the subject has to wait; returns the seconds of that wait.

        Ask this before a secret is compared, so that tries at the same time count each other. After
        `free` failures the wait doubles from 1 s to 15 min.
        """
        while True:
            now = timezone.now()
            row, _ = cls.objects.get_or_create(subject=subject, defaults={"last_at": now})
            if row.until is not None and row.until > now:
                return (row.until - now).total_seconds()
            failures = 1 if now - row.last_at > FORGET_AFTER else row.failures + 1
            until = now + _wait_after(failures - free) if failures > free else None
            as_read = cls.objects.filter(pk=row.pk, failures=row.failures, until=row.until)
            if as_read.update(failures=failures, last_at=now, until=until):
                return 0.0

    @classmethod
    def take_back(cls, subject: str) -> None:
        """Uncount one try, which turned out to be right, and end the wait it began."""
        rows = cls.objects.filter(subject=subject)
        if not rows.filter(failures__lte=1).delete()[0]:
            rows.filter(failures__gt=0).update(failures=models.F("failures") - 1, until=None)

    @classmethod
    def forget(cls, *subjects: str) -> None:
        """Clear the count after a success."""
        cls.objects.filter(subject__in=subjects).delete()

    @classmethod
    def prune(cls, now: datetime) -> int:
        """Delete what no longer matters; returns how many rows."""
        return cls.objects.filter(last_at__lt=now - FORGET_AFTER * 2).delete()[0]
