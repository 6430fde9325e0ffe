"""Scenes: deterministic, with a truth that lies where the people are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from anonymizer_node.core.errors import InputError
from anonymizer_node.simulation import photographs, scenes
from anonymizer_node.simulation.photographs import PORTRAITS, Cutout, cut_out
from anonymizer_node.simulation.scenes import Scene, at
from anonymizer_node.simulation.stages import STAGES, Prop, Stage

pytest.importorskip('skimage', reason='pip install scikit-image matplotlib')
pytest.importorskip('matplotlib', reason='pip install scikit-image matplotlib')

NAMES = tuple(STAGES)
WIDTH, HEIGHT, RATE_HZ, SECONDS = 320, 240, 5.0, 8.0


@pytest.fixture(scope='module')
def played():
    """Every scene once: name -> frames with their truth."""
    found = {}
    for name in NAMES:
        scene = Scene(name, WIDTH, HEIGHT, RATE_HZ, SECONDS, 1)
        found[name] = [scene.frame(index) for index in range(scene.frames)]
    return found


@pytest.mark.parametrize('name', NAMES)
def test_a_seed_decides_every_pixel(name):
    first, second, other = (Scene(name, 160, 120, 5, 2, seed) for seed in (7, 7, 8))

    for index in (0, 6):
        pixels, truth = first.frame(index)
        again, same_truth = second.frame(index)

        assert np.array_equal(pixels, again)
        assert truth == same_truth
        assert not np.array_equal(pixels, other.frame(index)[0])


@pytest.mark.parametrize('name', NAMES)
def test_a_frame_does_not_depend_on_those_drawn_before(name):
    one, other = (Scene(name, 160, 120, 5, 2, 1) for _ in range(2))
    for index in range(5):
        one.frame(index)

    assert np.array_equal(one.frame(5)[0], other.frame(5)[0])


@pytest.mark.parametrize('name', NAMES)
def test_frames_are_bgr_and_truth_lies_inside(played, name):
    assert len(played[name]) == 40
    for pixels, truth in played[name]:
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert pixels.dtype == np.uint8
        for person in truth:
            x0, y0, x1, y1 = person.box
            assert 0 <= x0 < x1 <= WIDTH
            assert 0 <= y0 < y1 <= HEIGHT
            assert 0 < person.visible <= 1
            assert person.name in PORTRAITS


@pytest.mark.parametrize('name', [name for name in NAMES if name != 'passage'])
def test_people_enter_are_partly_seen_and_leave_again(played, name):
    counts = [len(truth) for _, truth in played[name]]
    shares = [person.visible for _, truth in played[name] for person in truth]

    assert counts[0] == 0
    assert counts[-1] == 0
    assert 0.1 < counts.count(0) / len(counts) < 0.6
    assert max(counts) >= 1
    assert min(shares) < 0.4
    assert max(shares) > 0.55


def test_somebody_walks_past_somebody_else(played):
    assert max(len(truth) for _, truth in played['loading_bay']) == 2
    astronaut = [
        person.visible
        for _, truth in played['loading_bay']
        for person in truth
        if person.name == 'astronaut'
    ]
    middle = astronaut[len(astronaut) // 4 : -len(astronaut) // 4]
    assert min(middle) < 0.5 < max(middle)


@pytest.mark.parametrize('name', NAMES)
def test_people_come_close_and_are_seen_far_off(played, name):
    heights = [
        (person.box[3] - person.box[1]) / HEIGHT
        for _, truth in played[name]
        for person in truth
        if person.visible > 0.5
    ]
    assert max(heights) > 1.25 * min(heights)


def test_the_yard_is_grey(played):
    for pixels, _ in played['yard'][::8]:
        assert (pixels == pixels[:, :, :1]).all()


@pytest.fixture
def square_stage(monkeypatch):
    """A grey wall, a white square person of 100 pixels, and a blue box before half of them."""
    white = np.full((100, 100, 3), 255, np.uint8)
    opaque = np.full((100, 100), 255, np.uint8)
    grey = Cutout(np.full((600, 800, 3), 100, np.uint8), np.full((600, 800), 255, np.uint8))
    blue = np.zeros((100, 100, 3), np.uint8)
    blue[:] = (255, 0, 0)

    def install(camera, *more):
        props = (
            Prop(grey, ((0.0, -400.0, -300.0),)),
            Prop(Cutout(white, opaque, opaque), ((0.0, 0.0, 0.0),), name='square'),
            *more,
        )
        monkeypatch.setattr(scenes, 'STAGES', {'square': lambda rng: Stage(props, camera, 0.0)})
        return Scene('square', 640, 480, 10, 1, 0)

    return install, Prop(Cutout(blue, opaque), ((0.0, 50.0, 0.0),))


def test_truth_is_where_the_person_is_drawn(square_stage, monkeypatch):
    install, _ = square_stage
    scene = install(((0.0, 50.0, 50.0, 2.0, 1.0),))
    monkeypatch.setattr(scene, 'view', lambda index: scenes.View(50.0, 50.0, 2.0, 1.0))

    pixels, truth = scene.frame(0)

    assert [(person.name, person.box) for person in truth] == [('square', (220, 140, 420, 340))]
    assert truth[0].visible == pytest.approx(1.0, abs=0.02)
    white = (pixels > 250).all(axis=2)
    assert white[141:339, 221:419].all()
    assert not white[:, :219].any()
    assert not white[:, 421:].any()


@pytest.mark.parametrize(
    ('camera_x', 'box', 'visible'),
    [
        pytest.param(370, (0, 140, 0, 340), None, id='outside'),
        pytest.param(210, (0, 140, 100, 340), 0.5, id='cut by the left edge'),
        pytest.param(-110, (540, 140, 640, 340), 0.5, id='cut by the right edge'),
    ],
)
def test_who_is_cut_by_the_frame_is_visible_in_part(
    square_stage, monkeypatch, camera_x, box, visible
):
    install, _ = square_stage
    scene = install(((0.0, 50.0, 50.0, 2.0, 1.0),))
    monkeypatch.setattr(scene, 'view', lambda index: scenes.View(camera_x, 50.0, 2.0, 1.0))

    _, truth = scene.frame(0)

    if visible is None:
        assert truth == ()
    else:
        assert truth[0].box == box
        assert truth[0].visible == pytest.approx(visible, abs=0.02)


def test_who_stands_behind_something_is_visible_in_part(square_stage, monkeypatch):
    install, box = square_stage
    scene = install(((0.0, 50.0, 50.0, 2.0, 1.0),), box)
    monkeypatch.setattr(scene, 'view', lambda index: scenes.View(50.0, 50.0, 2.0, 1.0))

    _, truth = scene.frame(0)

    assert truth[0].box == (220, 140, 320, 340)
    assert truth[0].visible == pytest.approx(0.5, abs=0.02)


def test_what_moves_while_the_shutter_is_open_is_smeared(square_stage, monkeypatch):
    install, _ = square_stage
    scene = install(((0.0, 50.0, 50.0, 2.0, 1.0),))
    monkeypatch.setattr(scene, '_shutter_s', 0.05)
    # 40 frame pixels a frame, of which half a frame is exposed.
    monkeypatch.setattr(scene, 'view', lambda moment: scenes.View(50.0 - 20 * moment, 50.0, 2, 1))

    pixels, truth = scene.frame(1)

    row = pixels[240, :, 0].astype(int)
    assert truth[0].box == pytest.approx((260, 140, 460, 340), abs=3)
    assert (row[:248] == 100).all()
    assert (row[272:448] > 250).all()
    edge = row[248:272]
    assert (np.diff(edge) >= 0).all()
    assert len(set(edge.tolist())) > 5
    still = install(((0.0, 50.0, 50.0, 2.0, 1.0),))
    monkeypatch.setattr(still, '_shutter_s', 0.05)
    monkeypatch.setattr(still, 'view', lambda moment: scenes.View(50.0, 50.0, 2.0, 1.0))
    assert len(set(still.frame(1)[0][240, :, 0].tolist())) <= 4


def test_every_seed_is_another_passage():
    truths = []
    for seed in range(6):
        scene = Scene('passage', 160, 120, 5, 4, seed)
        truths.append([scene.frame(index)[1] for index in range(0, scene.frames, 4)])
        heights = [(p.box[3] - p.box[1]) / 120 for people in truths[-1] for p in people]
        assert heights
        assert max(heights) > 0.1
    shares = [person.visible for truth in truths for people in truth for person in people]
    assert min(shares) < 0.3
    assert max(len(people) for truth in truths for people in truth) > 1
    assert all(one != other for one, other in pairwise(truths))


def test_a_passage_changes_its_exposure():
    scene = Scene('passage', 160, 120, 5, 8, 3)
    gains = [scene.view(index).gain for index in range(scene.frames)]
    assert max(gains) > 1.3 * min(gains)


def test_a_movement_passes_its_keys_and_is_smooth_between():
    keys = ((0.0, 10.0), (0.5, 20.0), (1.0, 0.0))

    assert at(keys, 0.0) == (10.0,)
    assert at(keys, 0.25) == (15.0,)
    assert at(keys, 0.5) == (20.0,)
    assert at(keys, 1.0) == (0.0,)
    assert at(keys, 0.05)[0] - 10 < (20 - 10) * 0.1  # It speeds up at first.


@pytest.mark.parametrize('name', tuple(PORTRAITS))
def test_a_portrait_is_cut_out_along_its_outline(name):
    cutout = cut_out(name)

    assert cutout.bgr.shape[:2] == cutout.alpha.shape == cutout.body.shape
    assert cutout.alpha[0, 0] == 0
    assert 0.15 < (cutout.body > 0).mean() < 0.7
    assert ((cutout.body > 0) & (cutout.alpha == 0)).mean() < 0.02


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('attic', 640, 480, 10, 1, 0), 'choose from workshop, loading_bay, yard'),
        (('yard', 640, 8, 10, 1, 0), '640x8'),
        (('yard', 640, 480, 0, 1, 0), '0 Hz'),
        (('yard', 640, 480, 10, -1, 0), '-1 s'),
    ],
)
def test_what_can_not_be_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Scene(*arguments)


def test_a_frame_outside_the_scene_is_refused():
    with pytest.raises(InputError, match='it has 10'):
        Scene('yard', 160, 120, 5, 2, 0).frame(10)


@pytest.mark.parametrize(
    ('package', 'path'), [('no_such_package', 'a.png'), ('numpy', 'no_such_photograph.png')]
)
def test_a_missing_photograph_names_the_remedy(package, path):
    with pytest.raises(InputError, match='pip install scikit-image matplotlib'):
        photographs.photograph(package, path)


def test_an_unknown_portrait_is_refused_with_those_there_are():
    with pytest.raises(InputError, match='astronaut, admiral, cameraman'):
        cut_out('mechanic')
