"""Hosts as network namespaces: reached over their cable, and not when it is cut."""

import contextlib
import sys
from pathlib import Path

import pytest

from tests.faults.processes import Process, is_listening, wait_until
from tests.hosts.cables import cannot_run
from tests.hosts.network import Network, cannot_make_hosts
from tools import fault_programs

PORT = 8000


@pytest.mark.network
def test_a_cut_cable_is_silent_and_a_mended_one_is_not(tmp_path: Path) -> None:
    reason = cannot_make_hosts()
    if reason is not None:
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        host = Network(stack).add_host("one")
        command = [sys.executable, "-m", "http.server", str(PORT), "--bind", host.address]
        server = Process("server", command, folder=tmp_path, within=host.within)
        stack.callback(server.kill)
        server.start()
        wait_until(lambda: is_listening(host.address, PORT), "it is reached")
        host.cut()
        wait_until(lambda: not is_listening(host.address, PORT), "it is out of reach")
        host.mend()
        wait_until(lambda: is_listening(host.address, PORT), "it is reached again")


def test_what_is_missing_is_said_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(fault_programs.Path, "exists", lambda _: False)

    assert fault_programs.list_missing() == ["haproxy", "ip", "cc"]
    assert cannot_run() == "no HAProxy. On Debian or Ubuntu: apt-get install haproxy"
    assert cannot_make_hosts() == "no `ip`. On Debian or Ubuntu: apt-get install iproute2"


def test_not_being_root_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    if fault_programs.find_ip() is None:
        pytest.skip("no `ip` here")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert cannot_make_hosts() == "only root may make network namespaces"
