"""The OpenAPI schema says what the API really does, beyond the serializers."""

import pytest
from drf_spectacular.generators import SchemaGenerator

ERROR = {"schema": {"$ref": "#/components/schemas/Error"}}


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema):
    return [one for path in schema["paths"].values() for one in path.values()]


def test_every_operation_tells_the_form_of_its_errors(schema):
    for operation in operations(schema):
        for code in ("400", "401", "403", "429"):
            assert operation["responses"][code]["content"]["application/json"] == ERROR
    one = schema["paths"]["/api/v1/agents/{id}/"]["patch"]["responses"]
    assert {"404", "409"} < set(one)
    assert "404" not in schema["paths"]["/api/v1/agents/"]["get"]["responses"]


def test_settings_are_one_object_with_a_list_inside(schema):
    answer = schema["paths"]["/api/v1/settings/"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/SettingList")


def test_asking_tells_of_events_and_of_the_idempotency_key(schema):
    asking = schema["paths"]["/api/v1/calls/"]["post"]
    assert "text/event-stream" in asking["responses"]["200"]["content"]
    headers = [one["name"] for one in asking["parameters"] if one["in"] == "header"]
    assert headers == ["Idempotency-Key"]
