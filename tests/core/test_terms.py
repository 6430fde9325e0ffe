import pytest

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.terms import parse_entry, region_of


def terms(*entries, **values):
    return Settings(model=entries, **values).terms()


def test_a_name_alone_is_asked_as_the_settings_say():
    (one,) = terms('person_nanodet_int8', score_threshold=0.3, padding=0.1, classes=('a', 'b'))
    assert (one.model, one.classes, one.own_classes) == ('person_nanodet_int8', ('a', 'b'), False)
    assert (one.score_threshold, one.padding, one.family, one.input_size) == (0.3, 0.1, '', 512)


def test_what_stands_behind_it_holds_for_it_alone():
    first, second = terms(
        'person_nanodet_int8',
        'my models/badge v2.onnx classes=traffic light, badge  score_threshold=0.4 padding=0 '
        'family=yolov8 input_size=640',
    )
    assert second.model == 'my models/badge v2.onnx'
    assert (second.classes, second.own_classes) == (('traffic light', 'badge'), True)
    assert (second.score_threshold, second.padding) == (0.4, 0.0)
    assert (second.family, second.input_size) == ('yolov8', 640)
    assert (first.score_threshold, first.family, first.input_size) == (0.15, '', 512)


def test_a_path_with_an_equals_sign_is_a_path():
    assert parse_entry('/runs/lr=0.1/best.onnx padding=0.2') == (
        '/runs/lr=0.1/best.onnx',
        {'padding': '0.2'},
    )


@pytest.mark.parametrize(
    ('entry', 'said'),
    [
        ('face.onnx padding=', 'lacks a name or a value'),
        (' classes=face', 'lacks a name'),
        ('face.onnx padding=0.1 padding=0.2', 'padding twice'),
        ('face.onnx method=blur', "option 'method'; known are classes"),
        ('face.onnx padding=0.1 colour=red', "option 'colour'"),
        ('face.onnx padding=much', 'much'),
        ('face.onnx padding=1.5', 'out of bounds; it takes 0.0 to 1.0'),
        ('face.onnx score_threshold=nan', 'out of bounds'),
        ('face.onnx input_size=500', 'not a multiple of 32'),
        ('face.onnx input_size=5e2', '5e2'),
        ('face.onnx classes=a,,b', 'classes'),
        ('face.onnx classes=a,a', 'twice'),
    ],
)
def test_an_entry_that_is_wrong_is_refused_whole_and_named(entry, said):
    with pytest.raises(ConfigError, match=said) as refused:
        Settings(model=('person_nanodet_int8', entry))
    assert repr(entry) in str(refused.value) or repr(entry.strip()) in str(refused.value)


def test_no_model_at_all_is_refused():
    with pytest.raises(ConfigError, match='model is empty'):
        Settings(model=())


def test_one_model_may_be_written_without_a_list():
    assert Settings(model='face.onnx classes=face').model == ('face.onnx classes=face',)


def test_the_classes_wanted_are_those_that_it_has():
    shared = terms('a.onnx', classes=('person', 'face'))[0]
    assert shared.wanted(('face', 'dog')) == ('face',)
    with pytest.raises(
        ConfigError, match=r"has no class 'person'; it has dog, cat\. .*classes=dog"
    ):
        shared.wanted(('dog', 'cat'))


def test_classes_of_its_own_must_all_be_there():
    own = terms('a.onnx classes=face,mask')[0]
    assert own.wanted(('mask', 'face')) == ('face', 'mask')
    with pytest.raises(ConfigError, match=r"'a\.onnx' has no class 'mask'; it has face"):
        own.wanted(('face',))


def test_regions_are_for_all_or_for_a_class():
    assert region_of(()) == {}
    assert region_of(('person',)) == {'': 'person'}
    assert region_of(('head', 'rider=person')) == {'': 'head', 'rider': 'person'}


@pytest.mark.parametrize(
    ('entries', 'said'),
    [(('face',), "'face' is neither person nor head"), (('a=head', 'a=person'), "names 'a' twice")],
)
def test_regions_that_are_wrong_are_refused(entries, said):
    with pytest.raises(ConfigError, match=said):
        Settings(region=entries)
