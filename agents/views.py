"""Pages of this room: agents, models, capabilities, calls, ask."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import services
from agents.forms import AskForm, DiscoverForm, PullForm
from agents.markdown import render_markdown
from agents.models import (
    Agent,
    AgentModel,
    Call,
    Capability,
    Discovery,
    JoinRequest,
    Model,
    ModelJob,
    with_models,
)
from whoosh_site.core.actor import Actor
from whoosh_site.core.errors import BadInput, Conflict, WhooshError
from whoosh_site.core.live.fragments import live, page
from whoosh_site.core.models.people import Team, User
from whoosh_site.core.permissions import demand, may

PER_PAGE = 50
HISTORY = 40
JOBS = 8
"""How many jobs the list of models shows: those under way first, then the newest."""
DONE = {
    "check": "is being checked; its state shows here in a moment.",
    "drain": "takes no new calls; those in hand finish. Resume lets it work again.",
    "resume": "takes calls again.",
    "disable": "is switched off: it is neither used nor checked. Enable switches it on.",
    "enable": "is switched on and being checked.",
}
KEPT = {
    "pin": "it stays in memory, and is loaded again when the host has lost it.",
    "unpin": "it is no longer pinned; it leaves memory when it is unloaded or room is needed.",
    "keep": "how long it stays in memory is changed.",
}


@require_GET
@login_required
@live("rows", "waiting")
def agent_list(request: HttpRequest) -> HttpResponse:
    """All agents with their live state."""
    agents = Agent.objects.visible_to(request.user).with_state()
    related = ("capabilities__capability", "gpus", with_models())
    waiting = JoinRequest.objects.visible_to(request.user).filter(state=JoinRequest.State.WAITING)
    context = {"agents": agents.prefetch_related(*related), "waiting": waiting.count()}
    return page(request, "agents/list.html", context)


@require_GET
@login_required
@live("badge", "state", "models", "jobs", "calls")
def agent_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One agent: how it is, what it holds, how fast it was, what it did."""
    rows = Agent.objects.visible_to(request.user).with_state()
    agent = get_object_or_404(rows.prefetch_related("capabilities__capability", "gpus"), pk=pk)
    calls = agent.calls.visible_to(request.user).brief()
    rates = list(calls.exclude(tps=None).order_by("-pk").values_list("tps", flat=True)[:HISTORY])
    by = Actor.of(request)
    context = {
        "agent": agent,
        "models": agent.models.select_related("model").order_by("-resident", "model__name"),
        "calls": calls[:10],
        "rates": rates[::-1],
        "may_check": may(by, "agent.check", agent.team_ids),
        "may_drain": may(by, "agent.drain", [agent.team_id]),
        "may_pull": bool(services.manageable([agent], ModelJob.Verb.PULL, by=by)),
        "jobs": _with_rights(agent.jobs.shown()[:5], by),
        "may_ask": _may_ask(request),
    }
    return page(request, "agents/detail.html", context)


def _may_ask(request: HttpRequest) -> bool:
    return may(Actor.of(request), "call.create", request.user.roles)


@require_POST
@login_required
def agent_action(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Check now, drain, resume, enable or disable."""
    agent = get_object_or_404(Agent.objects.visible_to(request.user), pk=pk)
    by = Actor.of(request)
    if action == "check":
        services.refresh(agent, by=by)
    elif action in ("drain", "resume"):
        services.drain(agent, by=by, on=action == "drain")
    else:
        services.switch(agent, by=by, on=action == "enable")
    messages.success(request, f"{agent} {DONE[action]}")
    return redirect(agent)


@require_http_methods(["GET", "POST"])
@login_required
def discover(request: HttpRequest) -> HttpResponse:
    """Say where to look for hosts; see what was looked for before."""
    by = Actor.of(request)
    demand(by, "discovery.view")
    form = DiscoverForm(request.POST or None, initial=_again(request))
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(services.start_discovery(**form.cleaned_data, by=by))
        except BadInput as error:
            form.refuse(error)
    context = {"form": form, "recent": Discovery.objects.visible_to(request.user)[:10]}
    return render(request, "agents/discover.html", context, status=422 if form.errors else 200)


def _again(request: HttpRequest) -> dict[str, str]:
    """Return what an earlier discovery asked, to ask it again."""
    pk = request.GET.get("again", "")
    if not (pk.isdecimal() and len(pk) < 19):
        return {}
    row = Discovery.objects.visible_to(request.user).filter(pk=pk).first()
    if row is None:
        return {}
    return {"targets": "\n".join(row.targets), "ports": ", ".join(map(str, row.ports))}


@require_GET
@login_required
@live("found")
def discovery(request: HttpRequest, pk: int) -> HttpResponse:
    """One discovery: how far it is, and what it has found."""
    return _discovery(request, get_object_or_404(_discoveries(request), pk=pk))


def _discoveries(request: HttpRequest) -> Any:
    return Discovery.objects.visible_to(request.user)


def _discovery(request: HttpRequest, row: Discovery, problem: str = "") -> HttpResponse:
    finds = services.with_names(row.found)
    for find in finds:  # as they were typed, where the form comes back with an error
        find["name"] = request.POST.get(f"name:{find['endpoint']}", find["name"])
        find["chosen"] = find["endpoint"] in request.POST.getlist("endpoint")
    context = {
        "discovery": row,
        "hosts": [find for find in finds if find["ok"] or find["needs_key"]],
        "silent": [find for find in finds if not (find["ok"] or find["needs_key"])],
        "new": any(find["ok"] and not find["agent"] for find in finds),
        "teams": Team.objects.visible_to(request.user),
        "team": request.POST.get("team") or str(request.user.home_team),
        "problem": problem,
    }
    return page(request, "agents/discovery.html", context, status=422 if problem else 200)


@require_POST
@login_required
def stop_discovery(request: HttpRequest, pk: int) -> HttpResponse:
    """Look no further."""
    row = get_object_or_404(_discoveries(request), pk=pk)
    services.cancel_discovery(row, by=Actor.of(request))
    return redirect(row)


@require_POST
@login_required
def register_found(request: HttpRequest, pk: int) -> HttpResponse:
    """Make agents of the hosts that were chosen."""
    row = get_object_or_404(_discoveries(request), pk=pk)
    wanted = request.POST.getlist("endpoint")
    if not wanted:
        return _discovery(request, row, "Choose at least one host.")
    chosen = [services.Chosen(one, request.POST.get(f"name:{one}", "")) for one in wanted]
    team = get_object_or_404(Team, name=request.POST["team"]) if "team" in request.POST else None
    try:
        made = services.register_found(row.found, chosen, by=Actor.of(request), team=team)
    except (BadInput, Conflict) as error:
        return _discovery(request, row, error.message)
    messages.success(request, f"Registered: {', '.join(agent.name for agent in made)}.")
    return redirect("agents")


@require_GET
@login_required
@live("rows", "jobs")
def model_list(request: HttpRequest) -> HttpResponse:
    """Which model is where, in memory or on disk; pulling more of them."""
    return _model_list(request)


def _model_list(request: HttpRequest, form: PullForm | None = None) -> HttpResponse:
    hosts, by = _pullable(request), Actor.of(request)
    if form is None and hosts:
        form = PullForm(hosts, initial={"agents": request.GET.getlist("on")})
    asked = {name: request.GET.get(name, "") for name in ("name", "capability", "memory")}
    told = AgentModel.objects.visible_to(request.user).values_list("capabilities", flat=True)
    context = {
        "models": _asked_for(_models(request), request.user, **asked),
        "capabilities": sorted({ability for found in told for ability in found}),
        "jobs": _with_rights(ModelJob.objects.visible_to(request.user).shown()[:JOBS], by),
        "form": form,
        **asked,
    }
    return page(request, "agents/models.html", context, status=422 if form and form.errors else 200)


def _pullable(request: HttpRequest) -> list[Agent]:
    agents = Agent.objects.visible_to(request.user).filter(enabled=True).select_related("health")
    return services.manageable(agents, ModelJob.Verb.PULL, by=Actor.of(request))


def _asked_for(models: Any, user: User, *, name: str, capability: str, memory: str) -> Any:
    if name:
        models = models.filter(name__icontains=name)
    resident = {"yes": True, "no": False}.get(memory)
    if capability or resident is not None:
        models = models.held_as(user, capability=capability, resident=resident)
    return models


def _with_rights(jobs: Iterable[ModelJob], by: Actor) -> list[ModelJob]:
    """Say of each job whether the person may cancel it."""
    found = list(jobs)
    for job in found:
        job.may_cancel = not job.ended and may(by, "model.manage", [job.team_id])
    return found


@require_POST
@login_required
def pull_model(request: HttpRequest) -> HttpResponse:
    """Fetch a model, or bring it up to date, on the chosen hosts."""
    by = Actor.of(request)
    demand(by, "model.manage", request.user.roles)
    hosts = _pullable(request)
    form = PullForm(hosts, request.POST)
    if form.is_valid():
        chosen = [agent for agent in hosts if agent.name in form.cleaned_data["agents"]]
        try:
            services.start_jobs(ModelJob.Verb.PULL, form.cleaned_data["model"], chosen, by=by)
            return redirect("models")
        except WhooshError as error:
            form.add_error(None, error.message)
    return _model_list(request, form)


@require_GET
@login_required
@live("rows", "jobs")
def model_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One model on all its hosts."""
    model = get_object_or_404(_models(request), pk=pk)
    by = Actor.of(request)
    hosts = list(model.hosts.all())
    for held in hosts:
        mine = may(by, "model.manage", [held.agent.team_id])
        held.may = services.verbs_of(held.agent) if mine else frozenset()
    jobs = ModelJob.objects.visible_to(request.user).filter(model_name__iexact=model.name)
    context = {
        "model": model,
        "hosts": hosts,
        "managed": [held for held in hosts if held.may],
        "jobs": _with_rights(jobs.shown()[:5], by),
        "may_ask": _may_ask(request),
    }
    return page(request, "agents/model.html", context)


def _models(request: HttpRequest) -> Any:
    hosts = AgentModel.objects.visible_to(request.user).select_related("agent__health")
    return Model.objects.visible_to(request.user).prefetch_related(Prefetch("hosts", hosts))


@require_POST
@login_required
def model_action(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Pull again, load, unload, delete, pin, unpin, or change how long it is kept, on hosts."""
    model = get_object_or_404(_models(request), pk=pk)
    by = Actor.of(request)
    demand(by, "model.manage", model.team_ids)
    held = [row for row in model.hosts.all() if str(row.agent_id) in request.POST.getlist("agent")]
    try:
        if not held:
            raise BadInput(f"Choose a host that has {model}.")
        messages.success(request, _managed(model, held, verb, request.POST, by))
    except WhooshError as error:
        messages.error(request, error.message)
    return redirect("models" if verb == ModelJob.Verb.DELETE else model)


def _managed(model: Model, held: list[AgentModel], verb: str, given: QueryDict, by: Actor) -> str:
    """Do it; returns what to tell the person. Raises as the services do."""
    agents = [row.agent for row in held]
    names = ", ".join(map(str, agents))
    if verb in ModelJob.Verb.values:
        force = bool(given.get("force"))
        services.start_jobs(verb, model.name, agents, by=by, force=force)
        return f"{ModelJob.Verb(verb).label} {model} on {names}: it is under way."
    change = {"keep_alive": given.get("keep_alive", "").strip()} if verb == "keep" else {}
    change |= {} if verb == "keep" else {"pinned": verb == "pin"}
    for row in held:
        services.keep_model(row, by=by, **change)
    return f"{model} on {names}: {KEPT[verb]}"


@require_POST
@login_required
def cancel_job(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a job back."""
    rows = ModelJob.objects.visible_to(request.user).select_related("agent")
    job = get_object_or_404(rows, pk=pk)
    services.cancel_job(job, by=Actor.of(request))
    messages.success(request, f"{job} is being canceled.")
    here = Model.objects.visible_to(request.user).filter(pk=_number(request, "model")).first()
    return redirect(here or (job.agent if "agent" in request.POST else "models"))


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


@require_GET
@login_required
@live("matrix")
def capability_matrix(request: HttpRequest) -> HttpResponse:
    """Agents against capabilities, with proficiency."""
    agents = Agent.objects.visible_to(request.user).with_state()
    agents = list(agents.prefetch_related("capabilities__capability"))
    names = list(Capability.objects.visible_to(request.user).values_list("name", flat=True))
    rows = []
    for agent in agents:
        known = {row.capability.name: row.proficiency for row in agent.capabilities.all()}
        rows.append({"agent": agent, "cells": [known.get(name) for name in names]})
    context = {"names": names, "rows": rows, "may_ask": _may_ask(request)}
    return page(request, "agents/matrix.html", context)


@require_GET
@login_required
@live("rows")
def call_list(request: HttpRequest) -> HttpResponse:
    """All calls, newest first, by state and agent."""
    calls = Call.objects.visible_to(request.user).brief()
    state, agent = request.GET.get("state", ""), request.GET.get("agent", "")
    if state in Call.State.values:
        calls = calls.shown_as(state)
    if agent:
        calls = calls.filter(agent_name=agent)
    found = Paginator(calls, PER_PAGE).get_page(request.GET.get("page"))
    agents = Agent.objects.visible_to(request.user).values_list("name", flat=True)
    context = {
        "calls": found,
        "states": Call.State.choices,
        "agents": agents,
        "state": state,
        "agent": agent,
        "may_ask": _may_ask(request),
    }
    return page(request, "agents/calls.html", context)


@require_GET
@login_required
@live("facts", "who", "waiting", "answer")
def call_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One call: the answer as it comes, who gave it and why, the figures."""
    rows = Call.objects.visible_to(request.user).select_related("agent", "created_by", "team")
    call = get_object_or_404(rows, pk=pk)
    if request.fragment == "answer" and not call.ended:
        return HttpResponse(status=204)  # the page is drawing the stream; leave it alone
    return page(request, "agents/call.html", _call_context(request, call))


def _call_context(request: HttpRequest, call: Call) -> dict[str, Any]:
    return {
        "call": call,
        "answer": render_markdown(call.answer) if call.ended else "",
        "may_cancel": may(Actor.of(request), "call.cancel", [call.team_id]),
        "may_ask": _may_ask(request),
    }


@require_POST
@login_required
def cancel_call(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a call."""
    call = get_object_or_404(Call.objects.visible_to(request.user), pk=pk)
    services.cancel_call(call, by=Actor.of(request))
    return redirect(call)


@require_http_methods(["GET", "POST"])
@login_required
def ask(request: HttpRequest) -> HttpResponse:
    """Ask, and watch the answer come."""
    if request.method == "POST":
        demand(Actor.of(request), "call.create", request.user.roles)
    form, found = AskForm(request.user, request.POST or None, initial=_wished(request)), None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        said = [{"role": "user", "content": data["prompt"]}]
        wish = services.Wish(said, data["agent"], data["model"], data["capability"], streams=True)
        try:
            if "foresee" in request.POST:
                found = services.foresee(wish, by=Actor.of(request)).as_dict()
            else:
                return redirect(services.ask(wish, by=Actor.of(request), source=Call.Source.PAGE))
        except WhooshError as error:
            form.add_error(None, error.message)
    mine = Call.objects.visible_to(request.user).filter(created_by=request.user).brief()[:8]
    context = {
        "form": form,
        "found": found,
        "recent": mine,
        "agents": Agent.objects.visible_to(request.user).exists(),
        "may_ask": _may_ask(request),
    }
    status = 422 if form.errors else 200
    return render(request, "agents/ask.html", context, status=status)


def _wished(request: HttpRequest) -> dict[str, str]:
    """Return what the address already says: an earlier call to ask again, or single choices."""
    wish = {name: request.GET.get(name, "") for name in ("agent", "model", "capability")}
    again = request.GET.get("again", "")
    if not (again.isdecimal() and len(again) < 19):
        return wish
    call = Call.objects.visible_to(request.user).filter(pk=again).first()
    if call is None:
        return wish
    return {
        "prompt": call.last_prompt,
        "agent": call.wanted_agent,
        "model": call.wanted_model,
        "capability": call.wanted_capability,
    }
