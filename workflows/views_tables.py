"""Pages of data tables: the list, and one of them with its rows."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import Forbidden, WhooshError
from whoosh_site.core.forms import Styled
from whoosh_site.core.live.fragments import live, page
from whoosh_site.core.models.people import Team, User
from whoosh_site.core.permissions import demand, may
from workflows import services
from workflows.engine.tables import OWN
from workflows.models import DataTable
from workflows.views import PER_PAGE, _told

HOW = 'One a line, such as "port: string". Types: string, number, boolean, date.'


def _lines(text: str) -> dict[str, str]:
    """Return type by name, from lines of `name: type`."""
    pairs = (line.partition(":") for line in text.splitlines() if line.strip())
    return {name.strip(): kind.strip() or "string" for name, _, kind in pairs}


def _columns(label: str) -> forms.CharField:
    box = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})
    return forms.CharField(
        required=False, max_length=10_000, label=label, widget=box, help_text=HOW
    )


class NewTableForm(Styled, forms.Form):
    """Name and columns."""

    name = forms.CharField(max_length=128)
    columns = _columns("Columns")
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label=None)

    def __init__(self, user: User, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = Team.objects.visible_to(user)  # type: ignore[attr-defined]
        self.fields["team"].initial = user.home_team


class TableForm(Styled, forms.Form):
    """A new name, columns to add, columns to drop."""

    name = forms.CharField(max_length=128)
    add = _columns("Columns to add")
    drop = forms.MultipleChoiceField(
        required=False, label="Columns to drop", widget=forms.CheckboxSelectMultiple,
        help_text="With all that stands in them.",
    )  # fmt: skip

    def __init__(self, table: DataTable, *args: object, **kwargs: object) -> None:
        super().__init__(*args, initial={"name": table.name}, **kwargs)
        self.fields["drop"].choices = [(name, name) for name in table.types]  # type: ignore[attr-defined]


def _find(request: HttpRequest, pk: int) -> DataTable:
    rows = DataTable.objects.visible_to(request.user).select_related("team")
    return get_object_or_404(rows, pk=pk)


@require_http_methods(["GET", "POST"])
@login_required
@live("rows")
def data_table_list(request: HttpRequest) -> HttpResponse:
    """All data tables by name, and a form for a new one."""
    by = Actor.of(request)
    form = NewTableForm(request.user, request.POST or None)
    if request.method == "POST":
        demand(by, "data_table.change", request.user.roles)
        if form.is_valid():
            try:
                data = form.cleaned_data
                made = services.create_data_table(
                    data["name"], _lines(data["columns"]), by=by, team=data["team"]
                )
                return redirect(made)
            except WhooshError as error:
                if isinstance(error, Forbidden):
                    raise
                form.add_error(None, error.message)
    tables = DataTable.objects.visible_to(request.user).select_related("team")
    context = {
        "pages": Paginator(tables, PER_PAGE).get_page(request.GET.get("page")),
        "form": form,
        "may_change": may(by, "data_table.change", request.user.roles),
    }
    status = 422 if form.errors else 200
    return page(request, "workflows/data_tables.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
@live("rows")
def data_table_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One data table: its rows, and a form for its name and columns."""
    table, by = _find(request, pk), Actor.of(request)
    form = TableForm(table, request.POST or None)
    if request.method == "POST":
        demand(by, "data_table.change", [table.team_id])
        if form.is_valid():
            try:
                data = form.cleaned_data
                services.change_data_table(
                    table, by=by, name=data["name"], add=_lines(data["add"]), drop=data["drop"]
                )
                messages.success(request, f"The data table {table} is saved.")
                return redirect(table)
            except WhooshError as error:
                form.add_error(None, error.message)
    pages = Paginator(table.rows.order_by("number"), PER_PAGE).get_page(request.GET.get("page"))
    names = [*OWN[:1], *table.types]
    told = [row.told(table.types) for row in pages]
    context = {
        "table": table, "form": form, "pages": pages, "columns": table.types,
        "rows": [[row[name] for name in names] for row in told],
        "may_change": may(by, "data_table.change", [table.team_id]),
    }  # fmt: skip
    status = 422 if form.errors else 200
    return page(request, "workflows/data_table.html", context, status=status)


@require_POST
@login_required
def delete_data_table(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete it with its rows."""
    table = _find(request, pk)
    with _told(request):
        services.delete_data_table(table, by=Actor.of(request))
        messages.success(request, f"The data table {table} is deleted.")
    return redirect("data-tables")
