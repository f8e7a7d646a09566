"""What calls from outside wait for: the answer of a run, and keys that are called once."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

from workflows.models.executions import Execution
from workflows.models.workflows import Workflow


class Answer(models.Model):
    """What the call that started a run, or woke it, is answered; a row while somebody waits.

    `wish` says what of the run is to be answered, and when. The first answer stands.
    """

    KEPT = timedelta(hours=24)

    execution = models.OneToOneField(
        Execution, on_delete=models.CASCADE, primary_key=True, related_name="answer"
    )
    wish = models.JSONField(default=dict)
    status = models.PositiveSmallIntegerField(null=True, help_text="None until it is answered")
    headers = models.JSONField(default=list, blank=True)
    body = models.BinaryField(default=b"", blank=True)
    page = models.JSONField(default=dict, blank=True, help_text="Of a form: what it shows")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"answer of execution {self.execution_id}"


class CallKey(models.Model):
    """An `Idempotency-Key` somebody called a workflow with: the same again starts nothing."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, help_text="SHA-256 of address and key")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was sent")
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "digest"], name="call_key_once")]

    def __str__(self) -> str:
        return f"key of execution {self.execution_id}"
