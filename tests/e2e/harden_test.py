"""`fairlead harden`: only what was asked for is open, nobody is locked out, and undo leaves no trace."""

import os
import select
import socket

import pytest

from support.network import Network
from support.process import FAIRLEAD, run
from support.waiting import eventually

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1bQW9yZSB0aGFuIGVub3VnaCBieXRlcyBmb3I ada@laptop"
FORMER_RULES = """table inet mine {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 9999 drop
	}
}
"""


@pytest.fixture
def network():
    with Network() as made:
        yield made


@pytest.fixture
def root(folder):
    """A system's files, as far as they matter."""
    root = folder / "root"
    for name, content in {
            "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n",
            "etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nPort 22\nUsePAM no\n",
            "etc/ssh/sshd_config.d/50-cloud.conf": "PasswordAuthentication yes\n",
            "etc/apt/apt.conf": "", "usr/bin/unattended-upgrade": "", "var/lib/dpkg/status": "",
            "etc/systemd/system/other.service": "[Unit]\n",
            "proc/sys/net/ipv4/tcp_syncookies": "0\n",
            "home/ada/.ssh/authorized_keys": KEY + "\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (root / "home/ada/.ssh/authorized_keys").chmod(0o640)
    return root


def harden(network, root, *words, env=None):
    return network.run(network.server, FAIRLEAD, "harden", *words, "--root", root, env={**os.environ, **(env or {})})


def apply(network, root, *words, env=None):
    done = harden(network, root, "apply", *words, env=env)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def rules(network):
    return network.run(network.server, "nft", "list", "ruleset").stdout


def tree(root):
    """Every file with its mode and bytes, but for Fairlead's own folder."""
    return {str(p.relative_to(root)): (oct(p.stat().st_mode), p.stat().st_uid, p.read_bytes() if p.is_file() else None)
            for p in sorted(root.rglob("*")) if "fairlead" not in str(p.relative_to(root)) or "etc" in p.parts}


def open_ports(network, ports):
    """What a probe from the client finds: ports that answer with a connection or a refusal."""
    found = set()
    with network.on(network.client):
        probes = {}
        for port in ports:
            sock = socket.socket()
            sock.settimeout(0)
            sock.connect_ex((network.SERVER, port))
            probes[port] = sock
        poll = select.poll()
        by_number = {}
        for port, sock in probes.items():
            poll.register(sock, select.POLLOUT)
            by_number[sock.fileno()] = port
        while events := poll.poll(500):
            for number, _ in events:
                found.add(by_number[number])
                poll.unregister(number)
        for sock in probes.values():
            sock.close()
    return found


def test_a_probe_of_every_port_sees_the_allowed_ones_and_undo_leaves_no_trace(root, network):
    script = root.parent / "mine.nft"
    script.write_text(FORMER_RULES)
    network.must(*network.prefix(network.server), "nft", "-f", str(script))
    before = rules(network), tree(root)
    planned = harden(network, root, "plan").stdout
    assert "+ AllowUsers ada" in planned and "- 0" in planned and (rules(network), tree(root)) == before
    apply(network, root, "--stay")
    # Closed ports that the firewall lets through answer with a refusal: that is how a probe sees them.
    found = set()
    for start in range(1, 65536, 5000):
        found |= open_ports(network, range(start, min(start + 5000, 65536)))
    assert found == {22, 80, 443}
    assert "PasswordAuthentication no" in (root / "etc/ssh/sshd_config.d/10-fairlead.conf").read_text()
    assert (root / "proc/sys/net/ipv4/tcp_syncookies").read_text() == "1\n"
    assert "everything is so already" in apply(network, root)
    assert harden(network, root, "undo").returncode == 0
    assert (rules(network), tree(root)) == before


def test_what_nobody_confirms_is_undone(root, network):
    before = rules(network), tree(root)
    assert "fairlead harden confirm" in apply(network, root, "--within", "2s")
    assert "fairlead_host" in rules(network)
    eventually(lambda: (rules(network), tree(root)) == before, "everything to be as it was", seconds=30)


def test_what_is_confirmed_stays(root, network):
    apply(network, root, "--within", "60s")
    assert harden(network, root, "confirm").returncode == 0
    assert "fairlead_host" in rules(network)
    assert harden(network, root, "undo").returncode == 0
    assert "fairlead_host" not in rules(network)


def test_nobody_is_locked_out(root, network):
    before = rules(network), tree(root)
    session = {"SSH_CONNECTION": "192.0.2.1 5000 192.0.2.2 2222", "SUDO_USER": "bob"}
    refused = harden(network, root, "apply", env=session)
    assert refused.returncode == 1 and "'bob', who is logged in by SSH now, could not log in again" in refused.stderr
    assert (rules(network), tree(root)) == before
    # With the port he came in by, though sshd_config does not name it.
    session["SUDO_USER"] = "ada"
    apply(network, root, "--stay", env=session)
    assert open_ports(network, [22, 80, 443, 2222, 8080]) == {22, 80, 443, 2222}
    assert harden(network, root, "undo").returncode == 0


def test_a_change_that_fails_changes_nothing(root, network):
    (root / "etc/ssh/sshd_config").write_text("Include /etc/ssh/sshd_config.d/*.conf\nNoSuchOption yes\n")
    (root / "etc/ssh/sshd_config.d/20-broken.conf").write_text("NoSuchOption yes\n")
    before = rules(network), tree(root)
    failed = harden(network, root, "apply")
    assert failed.returncode == 1 and "sshd" in failed.stderr
    assert (rules(network), tree(root)) == before


def test_undo_leaves_alone_what_others_have_changed(root, network):
    apply(network, root, "--stay")
    theirs = root / "etc/sysctl.d/60-fairlead.conf"
    theirs.write_text("kernel.panic = 10\n")
    undone = harden(network, root, "undo")
    assert undone.returncode == 1 and "60-fairlead.conf was changed by somebody else" in undone.stderr
    assert theirs.read_text() == "kernel.panic = 10\n"
    assert "fairlead_host" not in rules(network)
