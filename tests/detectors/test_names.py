import pytest

from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.names import BY_COUNT, COCO_80, COCO_90, declared, parsed


def test_coco_s_classes_are_where_detectors_have_them():
    assert (len(COCO_80), len(set(COCO_80))) == (80, 80)
    known = {0: 'person', 2: 'car', 9: 'traffic light', 10: 'fire hydrant', 32: 'sports ball'}
    known |= {40: 'wine glass', 52: 'hot dog', 62: 'tv', 79: 'toothbrush'}
    for index, name in known.items():
        assert COCO_80[index] == name


def test_coco_s_ids_have_gaps():
    by_id = {number: COCO_90[number - 1] for number in range(1, 91)}
    assert len(COCO_90) == 90
    assert sum(name.startswith('unused') for name in COCO_90) == 10
    known = {
        1: 'person',
        13: 'stop sign',
        27: 'backpack',
        44: 'bottle',
        62: 'chair',
        90: 'toothbrush',
    }
    for number, name in known.items():
        assert by_id[number] == name
    assert by_id[12] == 'unused 12'
    assert BY_COUNT[91][1] == 'person'


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('', ()),
        (' , ', ()),
        ('person', ('person',)),
        (' dog , person ', ('dog', 'person')),
        ('dog\ntraffic light\n', ('dog', 'traffic light')),
        ("{0: 'person', 1: 'traffic light'}", ('person', 'traffic light')),
        ('{1: "b", 0: "a"}', ('a', 'b')),
        ("{'0': 'a', '2': 'c'}", ('a', 'unused 1', 'c')),
        ("['a', 'b']", ('a', 'b')),
        ('{}', ()),
    ],
)
def test_names_are_read_as_exporters_write_them(text, names):
    assert parsed(text) == names


@pytest.mark.parametrize(
    'text',
    [
        '{0: person}',
        "{0: 'a'",
        "{'a': 0}",
        "{-1: 'a'}",
        '{0: __import__("os").getcwd()}',
        "{999999999999: 'a'}",
        '[' * 10_000,
    ],
)
def test_names_that_can_not_be_read_are_refused(text):
    with pytest.raises(ModelError, match='commas'):
        parsed(text)


def test_an_entry_goes_before_metadata():
    metadata = {'classes': 'a,b', 'names': "{0: 'c'}"}
    assert declared(('d',), metadata) == ('d',)
    assert declared((), metadata) == ('a', 'b')
    assert declared((), {'names': "{0: 'c'}"}) == ('c',)
    assert declared((), {}) == ()


def test_whole_lists_have_names():
    assert declared(('coco80',), {}) == COCO_80
    assert declared((), {'classes': 'COCO91'}) == COCO_90
