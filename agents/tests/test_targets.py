"""Where to look: what people may name, and how much of it."""

import pytest

from agents.targets import places, vet_ports
from whoosh_site.core.errors import BadInput


def urls(*targets, ports=(80,)):
    return [place.url for place in places(targets, ports)]


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("oak.lan", ["http://oak.lan:80"]),
        (" OAK ", ["http://oak:80"]),
        ("oak.lan:11434", ["http://oak.lan:11434"]),
        ("192.168.1.27", ["http://192.168.1.27:80"]),
        ("192.168.1.27:8080", ["http://192.168.1.27:8080"]),
        ("fd12::1", ["http://[fd12::1]:80"]),
        ("[fd12::1]:8080", ["http://[fd12::1]:8080"]),
        ("192.168.1.9/30", ["http://192.168.1.9:80", "http://192.168.1.10:80"]),
        ("10.0.0.5/32", ["http://10.0.0.5:80"]),
        ("fd12::/127", ["http://[fd12::]:80", "http://[fd12::1]:80"]),
        ("127.0.0.1", ["http://127.0.0.1:80"]),
        ("localhost:1", ["http://localhost:1"]),
        ("[::1]:1", ["http://[::1]:1"]),
    ],
)
def test_hosts_ports_and_networks_are_understood(target, asked):
    assert urls(target) == asked


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("0.0.0.0/0", "these are 4,294,967,296 addresses; one run looks at 1,024 at most"),
        ("::/0", "one run looks at 1,024 at most"),
        ("10.0.0.0/8", "these are 16,777,216 addresses"),
        ("192.168.0.0/21", "these are 2,048 addresses"),
        ("10.0.0.0/33", "is no network such as"),
        ("oak/24", "is no network such as"),
        ("http://oak.lan", "leave out the scheme"),
        ("bücher.lan", "neither an address nor a name"),
        ("оak.lan", "neither an address nor a name"),  # a Cyrillic o
        ("oak_\u212a", "neither an address nor a name"),  # the sign of Kelvin
        ("-oak", "neither an address nor a name"),
        ("oak..lan", "neither an address nor a name"),
        ("o" * 64, "neither an address nor a name"),
        ("oak lan", "neither an address nor a name"),
        ("127.1", "neither an address nor a name"),
        ("2130706433", "neither an address nor a name"),
        ("0x7f000001", "neither an address nor a name"),
        ("0177.0.0.1", "neither an address nor a name"),
        ("[oak]:80", "neither an address nor a name"),
        ("a:b:c", "'b:c' is no port"),
        ("oak:", "'' is no port"),
        ("oak:0", "'0' is no port; use 1 to 65535"),
        ("oak:70000", "'70000' is no port; use 1 to 65535"),
        ("oak:²", "is no port"),
        ("oak:" + "9" * 5000, "is no port"),
        ("169.254.169.254", "is no address of a host"),
        ("[fd00:ec2::254]:80", "is no address of a host"),
        ("[::ffff:169.254.169.254]:80", "is no address of a host"),
        ("100.100.100.200", "is no address of a host"),
        ("169.254.7.7", "is no address of a host"),
        ("fe80::1%eth0", "is no address of a host"),
        ("224.0.0.1", "is no address of a host"),
        ("0.0.0.0", "is no address of a host"),
        ("::", "is no address of a host"),
        ("127.0.0.0/24", "For this machine name 127.0.0.1"),
        ("169.254.0.0/22", "holds no address of a host"),
        ("fe80::/120", "holds no address of a host"),
        ("", "name a host, host:port or network"),
    ],
)
def test_what_is_no_place_is_refused_with_the_reason(target, why):
    with pytest.raises(BadInput, match="^targets: ") as caught:
        places([target])
    assert why in caught.value.message
    assert len(caught.value.message) < 400


def test_all_targets_together_have_a_bound():
    assert len(places(["10.0.0.0/23", "10.1.0.0/23"], [80])) == 1020
    with pytest.raises(BadInput, match="1,025 addresses"):
        places(["10.0.0.0/22", "oak"])


def test_a_network_leaves_out_what_nobody_may_ask():
    asked = urls("100.100.100.192/28")
    assert len(asked) == 13
    assert "http://100.100.100.200:80" not in asked


def test_loopback_counts_as_this_machine_only_where_it_was_named():
    near, far = places(["localhost", "10.0.0.1"], [80])
    assert (near.local, far.local) == (True, False)


def test_a_place_that_is_named_twice_is_asked_once():
    assert urls("oak", "OAK", "oak:80") == ["http://oak:80"]


def test_without_ports_the_usual_ones_are_asked():
    assert [place.port for place in places(["oak"])] == [11434, 8080, 1234, 8000]


@pytest.mark.parametrize(
    ("ports", "why"),
    [
        ([0], "0 is no port; use 1 to 65535"),
        ([70000], "70000 is no port"),
        ([-1], "-1 is no port"),
        (range(1, 12), "11 are too many; one run asks 10 at most"),
    ],
)
def test_ports_have_bounds(ports, why):
    with pytest.raises(BadInput, match="^ports: ") as caught:
        vet_ports(ports)
    assert why in caught.value.message
