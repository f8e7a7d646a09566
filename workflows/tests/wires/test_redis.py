"""The Redis node against a real Redis."""

import uuid

import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(ask, redis):
    """Run the node; keys begin with the name it is given."""
    name = uuid.uuid4().hex[:8]

    def run(operation: str, script: str = "return [{json: {a: 1}}]", **more):
        parameters = {
            key: value.replace("{}", name) if isinstance(value, str) else value
            for key, value in more.items()
        }
        done = ask("redis", "redis", redis, {"operation": operation} | parameters, script=script)
        assert done.error == ""
        return done.items

    run.name = name
    return run


def test_texts_numbers_and_times(keys):
    assert keys("set", key="{}a", value="hällo", expire=True, ttl=60) == [{"a": 1}]
    assert keys("get", key="{}a", propertyName="x.y") == [{"a": 1, "x": {"y": "hällo"}}]
    flat = keys("get", key="{}a", propertyName="x.y", options={"dotNotation": False})
    assert flat == [{"a": 1, "x.y": "hällo"}]
    assert keys("incr", "return [{json: {}}, {json: {}}]", key="{}n") == [
        {f"{keys.name}n": 1}, {f"{keys.name}n": 2},
    ]  # fmt: skip
    assert keys("delete", key="{}a") == [{"a": 1}]
    assert keys("get", key="{}a", propertyName="x") == [{"a": 1, "x": None}]


def test_hashes_lists_and_sets(keys):
    keys("set", key="{}h", keyType="hash", value='{"b": 1, "c": {"d": 2}}')
    keys("set", key="{}w", keyType="hash", valueIsJSON=False, value="b 1 c 2")
    keys("set", key="{}l", value="={{ [1, 'x'] }}")
    keys("set", key="{}s", keyType="sets", value='["q", "p"]')
    found = keys("keys", keyPattern="{}*")[0]
    n = keys.name
    assert found == {
        f"{n}h": {"b": "1", "c": '{"d": 2}'}, f"{n}w": {"b": "1", "c": "2"},
        f"{n}l": ["1", "x"], f"{n}s": ["p", "q"],
    }  # fmt: skip
    assert sorted(keys("keys", keyPattern="{}*", getValues=False)[0]["keys"]) == sorted(found)


def test_queues_and_channels(keys):
    keys(
        "push",
        "return [{json: {}}, {json: {}}]",
        list="{}q",
        messageData="={{ '[' + $itemIndex + ']' }}",
    )
    assert keys("pop", list="{}q", propertyName="v", tail=True) == [{"v": [0]}]
    assert keys("pop", list="{}q", propertyName="v") == [{"v": [1]}]
    assert keys("pop", list="{}q", propertyName="v") == [{"v": None}]
    assert keys("publish", channel="{}c", messageData="hi") == [{"a": 1}]
    assert "redis_version" in keys("info")[0]


def test_what_the_server_refuses_is_told(ask, redis):
    parameters = {"operation": "incr", "key": uuid.uuid4().hex}
    ask("redis", "redis", redis, parameters | {"operation": "set", "value": "x"})
    assert "not an integer" in ask("redis", "redis", redis, parameters).error
    wrong = redis | {"user": "nobody", "password": "redis-secret-9"}
    done = ask("redis", "redis", wrong, parameters)
    assert f"{redis['host']}:{redis['port']}" in done.error
    assert "redis-secret-9" not in done.error
