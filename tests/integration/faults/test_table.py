"""Every fault, in the real node: nobody gets out, every frame is in the books, the page says so.

How many frames were sent and published depends on the run; compared with docs/faults.md is which
faults there are, how each ends, and the leaks.
"""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from faults import table
from faults.catalogue import FAULTS
from faults.stand import Hall, Row

CASES = [(name, setting) for name, fault in FAULTS.items() for setting in fault.on_failure]


@pytest.fixture(scope='module')
def hall(tmp_path_factory):
    with Hall(tmp_path_factory.mktemp('hall'), runs=1) as made:
        yield made


@pytest.mark.parametrize(('name', 'on_failure'), CASES, ids=lambda value: value.replace(' ', '_'))
def test_nobody_gets_out(hall, name, on_failure):
    row = FAULTS[name].account(hall, on_failure)
    assert row.leaks == []
    assert row.wrong == []
    assert row.sent == row.published + sum(row.dropped.values())
    assert table.committed()[name, on_failure] == (row.ends, 0)


def test_page_lists_every_fault_and_no_other():
    assert list(table.committed()) == CASES


def test_page_is_read_as_it_is_written(tmp_path, monkeypatch):
    page = tmp_path / 'faults.md'
    page.write_text(f'before\n{table.BEGIN}\nold\n{table.END}\nafter\n')
    monkeypatch.setattr(table, 'PAGE', page)
    rows = [Row(7, 4, {'b': 1, 'a': 2}, 'black'), Row(3, 3, {}, 'covered', ['seen'])]
    table.write([table.line(f'fault {at}', 'drop', row) for at, row in enumerate(rows)])
    assert '| fault 0 | drop | black | 7 | 4 | a 2, b 1 | 0 |' in page.read_text()
    assert table.committed() == {
        ('fault 0', 'drop'): ('black', 0),
        ('fault 1', 'drop'): ('covered', 1),
    }
    assert page.read_text().startswith('before\n')
    assert page.read_text().endswith('\nafter\n')
