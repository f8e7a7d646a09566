"""Which addresses outbound connections may reach."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoosh_site.core import addresses
from whoosh_site.core.addresses import allowed, kind, plain, public_only, registered_hosts


def ip(text: str) -> addresses.Ip:
    return ipaddress.ip_address(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8.8.8.8", "public"),
        ("2606:4700:4700::1111", "public"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.27", "private"),
        ("100.64.0.1", "private"),
        ("fd12:3456::1", "private"),
        ("fec0::1", "private"),
        ("127.0.0.1", "local"),
        ("127.255.255.254", "local"),
        ("::1", "local"),
        ("0.0.0.0", "local"),
        ("::", "local"),
        ("169.254.7.7", "local"),
        ("fe80::1", "local"),
        ("169.254.169.254", "metadata"),
        ("169.254.170.2", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("100.100.100.200", "metadata"),
        ("224.0.0.1", "unusable"),
        ("ff02::1", "unusable"),
        ("240.0.0.1", "unusable"),
        ("255.255.255.255", "unusable"),
        ("4000::1", "unusable"),
    ],
)
def test_addresses_fall_into_classes(text, found):
    assert kind(ip(text)) == found


@pytest.mark.parametrize(
    ("carried", "inside"),
    [
        ("::ffff:127.0.0.1", "local"),
        ("::ffff:169.254.169.254", "metadata"),
        ("2002:7f00:1::", "local"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("64:ff9b::7f00:1", "local"),
        ("64:ff9b::a00:1", "private"),
        ("64:ff9b::808:808", "public"),
    ],
)
def test_an_ipv4_address_inside_ipv6_keeps_its_class(carried, inside):
    assert kind(ip(carried)) == inside


@pytest.mark.parametrize("text", ["::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1"])
def test_outdated_ways_of_carrying_ipv4_are_never_public(text):
    assert kind(ip(text)) == "unusable"


@given(st.ip_addresses(v=4))
def test_no_wrapping_makes_an_address_look_better(address):
    for prefix in ("::ffff:", "64:ff9b::"):
        wrapped = ip(f"{prefix}{address}")
        assert plain(wrapped) == address
        assert kind(wrapped) == kind(address)


@given(st.ip_addresses())
def test_only_what_iana_calls_global_is_public(address):
    if kind(address) == "public":
        assert plain(address).is_global


# -- policies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["8.8.8.8", "192.168.1.27", "10.0.0.1", "fd00::1"])
def test_registered_hosts_may_be_public_or_private(text):
    assert registered_hosts(allow_local=False)("oak", ip(text), 80) is None


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "0.0.0.0", "169.254.1.1", "::ffff:127.0.0.1"])
def test_a_registered_host_is_this_machine_only_when_that_is_intended(text):
    reason = registered_hosts(allow_local=False)("oak", ip(text), 80)
    assert "oak is this machine or its link" in reason
    assert registered_hosts(allow_local=True)("oak", ip(text), 80) is None


@pytest.mark.parametrize("text", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_metadata_is_reached_by_nobody(text):
    everything = [allowed("0.0.0.0/0"), allowed("::/0"), allowed("oak")]
    assert registered_hosts(allow_local=True)("oak", ip(text), 80)
    assert public_only(everything)("oak", ip(text), 80).endswith("nothing may reach it")


@pytest.mark.parametrize("text", ["224.0.0.1", "255.255.255.255"])
def test_a_registered_host_is_no_multicast_or_broadcast(text):
    assert "unusable" in registered_hosts(allow_local=True)("oak", ip(text), 80)


@pytest.mark.parametrize("text", ["10.0.0.1", "127.0.0.1", "::1", "192.168.0.1", "fe80::1"])
def test_what_people_type_reaches_public_addresses_only(text):
    assert public_only()("typed", ip("8.8.8.8"), 80) is None
    assert "an admin can allow it" in public_only()("typed", ip(text), 80)


# -- the allow-list ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "host", "address", "port"),
    [
        ("10.0.0.0/8", "x", "10.9.9.9", 80),
        ("10.0.0.5", "x", "10.0.0.5", 1),
        ("10.0.0.5:8080", "x", "10.0.0.5", 8080),
        ("10.0.0.7/24", "x", "10.0.0.250", 80),
        ("[::1]:80", "x", "::1", 80),
        ("[::1]", "x", "::1", 9),
        ("::1", "x", "::1", 9),
        ("10.0.0.0/8:80", "x", "10.1.1.1", 80),
        ("fd00::/8", "x", "fd12::1", 9),
        ("Nas.LAN", "nas.lan", "10.0.0.1", 80),
        ("nas.lan:5000", "NAS.lan.", "10.0.0.1", 5000),
        ("10.0.0.0/8", "x", "::ffff:10.0.0.1", 80),
    ],
)
def test_an_entry_lets_through_what_it_names(entry, host, address, port):
    policy = public_only([allowed(entry)])
    assert policy(host, ip(address), port) is None


@pytest.mark.parametrize(
    ("entry", "host", "address", "port"),
    [
        ("10.0.0.5:8080", "x", "10.0.0.5", 80),
        ("10.0.0.5", "x", "10.0.0.6", 80),
        ("nas.lan", "evil.lan", "10.0.0.1", 80),
        ("nas.lan:5000", "nas.lan", "10.0.0.1", 80),
        ("nas.lan", "x.nas.lan", "10.0.0.1", 80),
        ("[::1]:80", "x", "::1", 443),
    ],
)
def test_an_entry_lets_through_nothing_else(entry, host, address, port):
    assert public_only([allowed(entry)])(host, ip(address), port)


@pytest.mark.parametrize(
    "entry",
    ["", ":80", "nas.lan:", "nas.lan:http", "a:b:c", "http://nas.lan:80", "nas lan", "10.0.0.0/99"],
)
def test_an_entry_that_is_no_host_or_network_is_named(entry):
    with pytest.raises(ValueError, match="is not a host, host:port or network"):
        allowed(entry)
