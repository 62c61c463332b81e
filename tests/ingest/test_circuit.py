"""A server that failed is asked by one caller at a time, and not at once."""

import threading

import pytest

from flask_messenger.ingest.circuit import Circuit, CircuitOpenError

LONG = 3600.0


class AwayError(Exception):
    pass


def fail() -> None:
    raise AwayError


def succeed() -> str:
    return "done"


def test_a_failure_is_passed_on_and_keeps_others_away() -> None:
    circuit = Circuit(LONG)

    with pytest.raises(AwayError):
        circuit.call(fail)

    assert circuit.is_open
    with pytest.raises(CircuitOpenError):
        circuit.call(succeed)


def test_after_the_pause_a_success_lets_everybody_through_again() -> None:
    circuit = Circuit(0.0)
    with pytest.raises(AwayError):
        circuit.call(fail)

    assert circuit.call(succeed) == "done"
    assert not circuit.is_open


def test_after_the_pause_a_failure_keeps_others_away_again() -> None:
    circuit = Circuit(0.0)
    for _ in range(2):
        with pytest.raises(AwayError):
            circuit.call(fail)

    assert circuit.is_open


def test_while_one_caller_tries_the_others_go_on_without() -> None:
    circuit = Circuit(0.0)
    trying, may_end = threading.Event(), threading.Event()

    def try_slowly() -> None:
        trying.set()
        may_end.wait(60)

    with pytest.raises(AwayError):
        circuit.call(fail)
    thread = threading.Thread(target=circuit.call, args=(try_slowly,))
    thread.start()
    trying.wait(60)

    with pytest.raises(CircuitOpenError):
        circuit.call(succeed)
    may_end.set()
    thread.join()
    assert circuit.call(succeed) == "done"


def test_while_all_is_well_callers_do_not_wait_for_each_other() -> None:
    circuit = Circuit(LONG)

    assert circuit.call(lambda: circuit.call(succeed)) == "done"
