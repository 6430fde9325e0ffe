from __future__ import annotations

import threading

import pytest

from anonymizer_node.ros.worker import TROUBLE_S, Worker


class Client:
    def __init__(self, name, served, work=0):
        self.name, self.served, self.work = name, served, work

    @property
    def has_work(self):
        return self.work > 0

    def serve(self):
        self.work -= 1
        self.served(self.name)


@pytest.fixture
def served():
    return []


def run_until(worker, done):
    worker.start()
    assert done.wait(10)
    assert worker.stop(10)


def test_busy_clients_take_turns(served):
    done = threading.Event()

    def note(name):
        served.append(name)
        if len(served) == 9:
            done.set()

    run_until(Worker([Client(name, note, 3) for name in 'abc']), done)
    assert served == list('abcabcabc')


def test_idle_client_is_passed_over(served):
    done = threading.Event()

    def note(name):
        served.append(name)
        if len(served) == 4:
            done.set()

    run_until(Worker([Client('a', note, 2), Client('b', note, 0), Client('c', note, 2)]), done)
    assert served == list('acac')


def test_sleeping_worker_is_woken():
    done = threading.Event()
    client = Client('a', lambda name: done.set())
    worker = Worker([client])
    worker.start()
    client.work = 1
    worker.wake()
    assert done.wait(10)
    assert worker.stop(10)


def test_worker_that_never_started_stops():
    assert Worker([]).stop(1)


def test_hung_client_is_reported_and_not_waited_for():
    began, release = threading.Event(), threading.Event()

    def hang(name):
        began.set()
        release.wait(10)

    worker = Worker([Client('a', hang, 1)])
    worker.start()
    assert began.wait(10)
    assert not worker.stop(0.05)
    release.set()
    assert worker.stop(10)


def test_client_that_raises_ends_nobody_s_service(served):
    done = threading.Event()
    raised = []

    class Broken(Client):
        def serve(self):
            self.work -= 1
            raised.append(self.name)
            raise SystemExit('not even this')

    def note(name):
        served.append(name)
        if len(served) == 2:
            done.set()

    now_s = [100.0]
    clients = [Broken('a', note, 2), Client('b', note, 2)]
    worker = Worker(clients, clock=lambda: now_s[0])
    run_until(worker, done)
    assert raised == ['a', 'a']
    assert served == ['b', 'b']
    assert worker.mishap == 'SystemExit: not even this'
    assert worker.trouble == worker.mishap
    now_s[0] += TROUBLE_S + 60
    assert worker.trouble == ''
    assert worker.busy_s() == 0.0


def test_time_of_the_one_being_served_is_told():
    began, release = threading.Event(), threading.Event()
    now_s = [100.0]

    def work(name):
        began.set()
        assert release.wait(20)

    worker = Worker([Client('a', work, 1)], clock=lambda: now_s[0])
    assert worker.busy_s() == 0.0
    worker.start()
    assert began.wait(20)
    now_s[0] += 7
    assert worker.busy_s() == 7.0
    release.set()
    assert worker.stop(20)
    assert worker.busy_s() == 0.0
