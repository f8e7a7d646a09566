"""What pages of this room watch, and how its services tell them."""

from whoosh_site.core import live
from whoosh_site.core.live import topics
from whoosh_site.core.models.people import User
from workflows.models import Approval, Credential, DataTable, Execution, Workflow

topics.declare_lists("workflows", "executions", "approvals", "credentials", "data-tables")


def tell(workflow: Workflow) -> None:
    """Let the pages that show this workflow know that it changed."""
    live.announce("workflows", f"workflow:{workflow.pk}", teams=[workflow.team_id])


def tell_execution(execution: Execution) -> None:
    """Let the pages that show this run know that it changed."""
    live.announce("executions", f"execution:{execution.pk}", teams=[execution.team_id])


def tell_approval(approval: Approval) -> None:
    """Let the pages that show this question know that it changed."""
    live.announce("approvals", f"approval:{approval.pk}", teams=[approval.team_id])


def tell_credential(credential: Credential) -> None:
    """Let the lists that show this credential know that it changed."""
    teams = [credential.team_id, *credential.shared_with.values_list("pk", flat=True)]
    live.announce("credentials", f"credential:{credential.pk}", teams=teams)


def tell_table(table: DataTable) -> None:
    """Let the pages that show this data table know that it changed."""
    live.announce("data-tables", f"data-table:{table.pk}", teams=[table.team_id])


@topics.topics.add
class DataTableTopic(topics.Topic):
    """One data table's page."""

    key = "data-table"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return DataTable.objects.visible_to(user).filter(pk=pk).exists()


@topics.topics.add
class CredentialTopic(topics.Topic):
    """One credential's page."""

    key = "credential"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return Credential.objects.visible_to(user).filter(pk=pk).exists()


@topics.topics.add
class ApprovalTopic(topics.Topic):
    """One approval's page."""

    key = "approval"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return Approval.objects.visible_to(user).filter(pk=pk).exists()


@topics.topics.add
class ExecutionTopic(topics.Topic):
    """One execution's page."""

    key = "execution"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return Execution.objects.visible_to(user).filter(pk=pk).exists()


@topics.topics.add
class WorkflowTopic(topics.Topic):
    """One workflow's page."""

    key = "workflow"

    @classmethod
    def visible(cls, user: User, pk: int) -> bool:
        """As the page itself."""
        return Workflow.objects.visible_to(user).filter(pk=pk).exists()
