"""Forms: shown to strangers, checked, sent, gone on with from page to page."""

import re

import pytest

from whoosh_site.core.actor import SYSTEM
from workflows import services
from workflows.models import Execution
from workflows.tests.calls import line, newest, node, sets


def field(label, kind="text", **more):
    return {"fieldLabel": label, "fieldType": kind, **more}


def options(*names):
    return {"values": [{"option": name} for name in names]}


ALL = [
    field("Name", requiredField=True, placeholder="As on the boat"),
    field("Notes", "textarea"),
    field("Crew", "number"),
    field("Mail", "email"),
    field("Day", "date"),
    field("Harbour", "dropdown", fieldOptions=options("Porto", "Leixões"), requiredField=True),
    field("Gear", "checkbox", fieldOptions=options("Nets", "Lines")),
    field("Tide", "radio", fieldOptions=options("High", "Low")),
    field("Boat", "hiddenField", fieldName="boat", fieldValue="Ada"),
    field("", "html", html="<b>Take care</b><script>alert(1)</script>"),
    field("Photo", "file", acceptFileTypes=".png", multipleFiles=False),
]


def trigger(*fields, path="landing", version=2.3, **more):
    settings = {"path": path, **more.pop("options", {})}
    return node(
        "Form", "formTrigger", version, formTitle="Landing", formDescription="Tell us <i>all</i>",
        formFields={"values": list(fields)}, options=settings, **more,
    )  # fmt: skip


def page_node(name, *fields, **more):
    return node(name, "form", formFields={"values": list(fields)}, **more)


def mark_of(answer):
    return re.search(r'name="mark" value="([^"]+)"', answer.text)[1]


def enter(call, answers, path="/form/landing", **more):
    """Send a form as a browser does, with files or without."""
    data = {f"field-{number}": value for number, value in answers.items()}
    files = more.pop("files", None)
    if files is None:
        return call("POST", path, data=data | more)
    return call("POST", path, data=data | more, files=files)


GOOD = {0: "Grace", 1: "two nets", 2: "3", 3: "g@example.org", 4: "2030-05-31", 5: "Porto",
        6: ["Nets", "Lines"], 7: "High", 8: "Ada"}  # fmt: skip


def test_a_form_is_shown_to_anybody(active, call):
    active(line("Landing", trigger(*ALL)))
    answer = call("GET", "/form/landing?Notes=from+the+address")
    assert answer.status_code == 200
    for text in ("Landing", "Tell us <i>all</i>", "As on the boat", "<option>Porto</option>",
                 "from the address", "<b>Take care</b>"):  # fmt: skip
        assert text in answer.text
    assert "<script>" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-downloads allow-forms")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "set-cookie" not in answer.headers
    assert not Execution.objects.exists()


def test_what_is_entered_starts_a_run(active, call, work):
    active(line("Landing", trigger(*ALL)))
    answer = enter(call, GOOD, files={"field-10": ("a.png", b"\x89PNG", "image/png")})
    assert answer.status_code == 200
    assert "Your response has been recorded" in answer.text
    run = newest()
    assert (run.source, run.mode, run.state) == ("form", "production", "queued")
    (first,) = work(run).steps()
    item = first.outputs[0][0]
    json = item["json"]
    photo = {"filename": "a.png", "mimetype": "image/png", "size": 4}
    assert json.pop("submittedAt").startswith("20")
    assert json == {
        "Name": "Grace", "Notes": "two nets", "Crew": 3, "Mail": "g@example.org",
        "Day": "2030-05-31", "Harbour": "Porto", "Gear": ["Nets", "Lines"], "Tide": "High",
        "boat": "Ada", "Photo": photo, "formMode": "production",
    }  # fmt: skip
    assert item["binary"]["Photo"]["fileName"] == "a.png"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({0: " "}, "This is needed."),
        ({2: "many"}, "Enter a number."),
        ({2: "inf"}, "Enter a number."),
        ({3: "nobody"}, "Enter an e-mail address."),
        ({4: "tomorrow"}, "Enter a date"),
        ({5: "Lisbon"}, "Choose one of these."),
        ({6: ["Nets", "Bombs"]}, "Choose one of these."),
        ({7: "Middle"}, "Choose one of these."),
    ],
)
def test_what_is_entered_wrong_is_told_beside_it(wrong, words, active, call):
    active(line("Landing", trigger(*ALL)))
    answer = enter(call, GOOD | wrong)
    assert answer.status_code == 422
    assert words in answer.text
    assert "two nets" in answer.text  # nothing that was typed is lost
    assert not Execution.objects.exists()


def test_files_of_another_kind_are_refused(active, call):
    active(line("Landing", trigger(*ALL)))
    answer = enter(call, GOOD, files={"field-10": ("a.exe", b"MZ", "application/x-msdownload")})
    assert answer.status_code == 422
    assert "Choose files of these kinds: .png." in answer.text


def test_a_form_that_is_sent_twice_starts_one_run(active, call):
    active(line("Landing", trigger(field("Name"))))
    mark = mark_of(call("GET", "/form/landing"))
    for _ in range(2):
        assert enter(call, {0: "Grace"}, mark=mark).status_code == 200
    assert Execution.objects.count() == 1
    enter(call, {0: "Ada"}, mark=mark)
    assert Execution.objects.count() == 2


def test_json_is_no_form(active, call):
    """D01."""
    active(line("Landing", trigger(field("Name"))))
    body = {"files": {"f": {"filepath": "/etc/passwd", "originalFilename": "x"}}}
    assert call("POST", "/form/landing", json=body).status_code == 415
    assert not Execution.objects.exists()


def test_a_form_nobody_made(call, db):
    answer = call("GET", "/form/nowhere")
    assert answer.status_code == 404
    assert "This form is not there" in answer.text


def test_another_ending(active, call):
    there = {"values": {"respondWith": "redirect", "redirectUrl": "example.org/thanks"}}
    active(line("Landing", trigger(field("Name"), options={"respondWithOptions": there})))
    answer = enter(call, {0: "Grace"})
    assert (answer.status_code, answer.headers["location"]) == (303, "https://example.org/thanks")


def test_an_ending_that_leads_nowhere_is_not_activated(keep):
    from whoosh_site.core.errors import Conflict

    there = {"values": {"respondWith": "redirect", "redirectUrl": "javascript:alert(1)"}}
    workflow = keep(line("Landing", trigger(field("Name"), options={"respondWithOptions": there})))
    with pytest.raises(Conflict, match="no address"):
        services.activate_workflow(workflow, by=SYSTEM)


def test_a_guarded_form(active, call, people):
    row = services.create_credential(
        "httpBasicAuth", "Door", {"user": "ada", "password": "tides"}, by=SYSTEM,
        team=people.ours, hosts=["*"],
    )  # fmt: skip
    more = {"authentication": "basicAuth", "credentials": {"httpBasicAuth": {"id": row.ref}}}
    active(line("Landing", trigger(field("Name"), **more)))
    assert call("GET", "/form/landing").status_code == 401
    assert call("POST", "/form/landing", data={"field-0": "x"}).status_code == 401
    assert call("GET", "/form/landing", auth=("ada", "tides")).status_code == 200


def test_a_form_that_is_tested(keep, people, call, work):
    from whoosh_site.core.actor import Actor

    workflow = keep(line("Landing", trigger(field("Name"))))
    services.listen_for_test(workflow, by=Actor(people.member))
    shown = call("GET", "/form-test/landing")
    assert "This is a test of the form" in shown.text
    assert enter(call, {0: "Grace"}, path="/form-test/landing").status_code == 200
    (first,) = work(newest()).steps()
    assert first.outputs[0][0]["json"]["formMode"] == "test"
    assert call("GET", "/form-test/landing").status_code == 404


# -- from page to page -----------------------------------------------------------------------------


def test_pages_follow_one_another_to_an_ending(active, call, work):
    ending = node("End", "form", operation="completion", completionTitle="Landed",
                  completionMessage="=Thank you, {{ $('Form').item.json.Name }}")  # fmt: skip
    second = page_node("More", field("Weight", "number"), options={"formTitle": "How much?"})
    active(line("Landing", trigger(field("Name")), second, ending, sets(after="yes")))
    sent = enter(call, {0: "Grace"})
    assert sent.status_code == 303
    there = sent.headers["location"]
    assert there.startswith("/form-waiting/")
    moment = call("GET", there)
    assert "One moment" in moment.text
    assert moment.headers["refresh"] == f"1; url={there}"
    run = work(newest())
    assert run.state == "waiting"
    page = call("GET", there)
    assert "How much?" in page.text
    assert call("POST", there, data={"field-0": "heavy"}).status_code == 422
    assert call("POST", there, data={"field-0": "12.5"}).status_code == 303
    done = work(run)
    assert done.state == "success"
    last = call("GET", there)
    assert "Landed" in last.text
    assert "Thank you, Grace" in last.text
    more = next(step for step in done.steps() if step.node == "More")
    assert more.outputs[0][0]["json"]["Weight"] == 12.5
    again = call("POST", there, data={"field-0": "1"})
    assert "Landed" in again.text
    assert Execution.objects.count() == 1


def test_a_run_that_fails_says_so_at_its_form(active, call, work):
    broken = node("Code", "code", jsCode="throw new Error('secret words')")
    active(line("Landing", trigger(field("Name"), responseMode="lastNode"), broken))
    there = enter(call, {0: "Grace"}).headers["location"]
    work(newest())
    answer = call("GET", there)
    assert answer.status_code == 500
    assert "secret words" not in answer.text


def test_an_ending_after_the_run(active, call, work):
    told = {"values": {"respondWith": "text", "formSubmittedText": "All is weighed"}}
    first = trigger(field("Name"), responseMode="lastNode", options={"respondWithOptions": told})
    active(line("Landing", first, sets(a="b")))
    there = enter(call, {0: "Grace"}).headers["location"]
    work(newest())
    assert "All is weighed" in call("GET", there).text


@pytest.mark.parametrize("token", ["1", "1-", "1-" + "0" * 32, "x-y", "9" * 30 + "-a", "-"])
def test_made_up_addresses_lead_nowhere(token, active, call, db):
    assert call("GET", f"/form-waiting/{token}").status_code == 404
    assert call("POST", f"/webhook-waiting/{token}").status_code == 404


# -- runs that wait for a call ---------------------------------------------------------------------


def waits(**more):
    return node("Wait", "wait", resume="webhook", **more)


@pytest.fixture
def parked(keep, start, work):
    """Run a workflow to its Wait node; returns the run, and the address that lets it go on."""

    def made(*nodes):
        workflow = keep(line("Waits", node("Start", "manualTrigger"), *nodes))
        run = work(start(workflow))
        assert run.state == "waiting", run.error
        first = next(step for step in run.steps() if step.node == "Link")
        return run, first.outputs[0][0]["json"]["there"]

    return made


LINK = sets(there="={{ $execution.resumeUrl }}", form="={{ $execution.resumeFormUrl }}")
LINK |= {"name": "Link"}


def test_a_call_lets_a_run_go_on(parked, call, work):
    run, there = parked(LINK, waits(httpMethod="POST"), sets(got="={{ $json.body.word }}"))
    assert there == f"http://127.0.0.1:8000/webhook-waiting/{services.resume_token(run.pk)}"
    path = there.removeprefix("http://127.0.0.1:8000")
    assert call("GET", path).status_code == 405
    answer = call("POST", f"{path}?approved=yes", json={"word": "go"})
    assert (answer.status_code, answer.json()) == (200, {"message": "Workflow was started"})
    done = work(run)
    assert done.state == "success"
    assert list(done.steps())[-1].outputs[0][0]["json"] == {"got": "go"}
    assert call("POST", path, json={}).status_code == 404


def test_the_last_node_answers_the_call_a_run_waited_for(parked, calls):
    _, there = parked(LINK, waits(responseMode="lastNode"), sets(a="b"))
    path = there.removeprefix("http://127.0.0.1:8000")
    (answer,) = calls([("GET", path, {})])
    assert answer.json() == {"a": "b"}


def test_a_suffix_is_part_of_the_address(parked, call, work):
    run, there = parked(LINK, waits(options={"webhookSuffix": "approve"}), sets(a="b"))
    path = there.removeprefix("http://127.0.0.1:8000")
    assert call("GET", path).status_code == 404
    assert call("GET", f"{path}/refuse").status_code == 404
    assert call("GET", f"{path}/approve").status_code == 200
    assert work(run).state == "success"


def test_of_many_calls_one_lets_it_go_on(parked, calls):
    _, there = parked(LINK, waits(responseMode="onReceived"), sets(a="b"))
    path = there.removeprefix("http://127.0.0.1:8000")
    answers = calls([("GET", path, {})] * 5)
    assert sorted(answer.status_code for answer in answers)[:1] == [200]
    assert {answer.status_code for answer in answers[1:]} <= {200, 404, 409}
    assert sum(answer.status_code == 200 for answer in answers) == 1


def test_a_form_lets_a_run_go_on(parked, call, work):
    asks = node("Wait", "wait", resume="form", formTitle="Approve?",
                formFields={"values": [field("Word", requiredField=True)]})  # fmt: skip
    run, there = parked(LINK, asks, sets(got="={{ $json.Word }}"))
    path = there.replace("/webhook-waiting/", "/form-waiting/")
    path = path.removeprefix("http://127.0.0.1:8000")
    assert "Approve?" in call("GET", path).text
    assert call("POST", path, data={"field-0": ""}).status_code == 422
    assert call("POST", path, data={"field-0": "yes"}).status_code == 303
    done = work(run)
    assert list(done.steps())[-1].outputs[0][0]["json"] == {"got": "yes"}


def test_a_waiting_runs_address_is_where_its_call_came_in(active, calls, settings):
    active(line("Tides", node("Webhook", "webhook", path="tides", responseMode="lastNode"), LINK))
    (answer,) = calls([("GET", "/webhook/tides", {"headers": {"host": "localhost:9000"}})])
    assert answer.json()["there"].startswith("http://localhost:9000/webhook-waiting/")
    settings.BASE_URL = "https://tides.example"
    (answer,) = calls([("GET", "/webhook/tides", {"headers": {"host": "localhost:9000"}})])
    assert answer.json()["form"].startswith("https://tides.example/form-waiting/")


def test_another_host_is_not_believed(active, call):
    active(line("Tides", node("Webhook", "webhook", path="tides")))
    answer = call("GET", "/webhook/tides", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert not Execution.objects.exists()
