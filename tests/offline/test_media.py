"""Photos and videos from end to end: who is hidden, what else is gone, and what is said of it."""

import json
import threading

import numpy as np
import pytest
from samples.bags import digest
from samples.detectors import BrightDetector, FakeDetector
from samples.images import decoded, png_bytes
from samples.jpegs import exif, jpeg_of, shown, with_segments
from samples.videos import (
    GPS,
    container_of,
    packets_of,
    read_video,
    room,
    rotation_of,
    streams_of,
    times_of,
    write_video,
)

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError, InputError
from anonymizer_node.formats import video_files, video_frames
from anonymizer_node.offline import media as job
from anonymizer_node.offline import videos
from anonymizer_node.offline.media import MediaOutput, anonymize_media
from anonymizer_node.offline.media_report import OTHER
from anonymizer_node.offline.report import REGIONS_NAME, REPORT_NAME
from anonymizer_node.offline.videos import VideoOutput

pytest.importorskip('av')

UNEVEN = [0, 40, 120, 130, 300, 333, 400, 900, 901, 950, 1040, 1100]
INSIDE = np.s_[18:78, 66:94]

SEEN = [3 <= index <= 6 for index in range(12)]


class Known(BrightDetector):
    """Of a model file, so that what it finds can be kept."""

    family, family_reason, provider = 'bright', 'as told', 'cpu'

    def __init__(self):
        super().__init__()
        self.model = type('Model', (), {'name': 'bright', 'sha256': 'ab' * 32, 'content': b''})()


class FailingDetector(BrightDetector):
    """Fails on the frames whose numbers it is told."""

    def __init__(self, *failing):
        super().__init__()
        self._failing = failing

    def detect(self, frame, score_threshold):
        found = super().detect(frame, score_threshold)
        if len(self.frames) - 1 in self._failing:
            raise RuntimeError('told to fail')
        return found


@pytest.fixture
def settings(tmp_path):
    return Settings(padding=0.0, hold_seconds=0.0, detection_cache=str(tmp_path / 'cache'))


def walk(suffix, tmp_path, **about):
    about.setdefault('times', UNEVEN)
    return write_video(tmp_path / f'in{suffix}', [room(seen) for seen in SEEN], **about)


def run(source, target, settings, detector=None, **about):
    output = MediaOutput(VideoOutput(**about)) if about else None
    return anonymize_media(source, target, settings, [detector or BrightDetector()], output=output)


def entry_of(report):
    (entry,) = report.files.values()
    return entry


def hidden(path):
    """In which frames the person's place is dark all over."""
    return [frame[INSIDE].max() < 40 for frame in read_video(path)]


def bright(path):
    """In which frames somebody can be seen."""
    return [frame.max() > 180 for frame in read_video(path)]


# Videos


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.mov'])
def test_people_are_hidden_and_frames_times_and_duration_stay(tmp_path, settings, suffix):
    source, target = walk(suffix, tmp_path), tmp_path / f'out{suffix}'
    before = digest(source)
    report = run(source, target, settings)
    assert report.clean
    assert digest(source) == before
    assert bright(source) == SEEN
    assert hidden(target) == SEEN
    assert not any(bright(target))
    assert times_of(target) == pytest.approx(times_of(source), abs=1e-3)
    entry = entry_of(report)
    assert (entry.frames.count, entry.frames.statuses) == (12, {'anonymized': 4, 'untouched': 8})
    assert entry.how == 'coded anew as h264'
    for seen, one, other in zip(SEEN, read_video(source), read_video(target), strict=True):
        if not seen:
            assert np.abs(one.astype(int) - other).mean() < 3, 'the rest looks as it did'


def test_who_is_held_is_hidden_before_and_after(tmp_path, settings):
    source = write_video(tmp_path / 'in.mp4', [room(seen) for seen in SEEN])
    run(source, tmp_path / 'out.mp4', settings.changed(hold_seconds=0.2))
    assert hidden(tmp_path / 'out.mp4') == [1 <= index <= 8 for index in range(12)]


@pytest.mark.parametrize('rotation', [-90, 90, 180])
def test_a_turned_video_is_looked_at_as_it_is_shown_and_stays_turned(tmp_path, settings, rotation):
    source = walk('.mp4', tmp_path, rotation=rotation)
    detector = BrightDetector()
    report = run(source, tmp_path / 'out.mp4', settings, detector)
    assert {(frame.width, frame.height) for frame in detector.frames} == {
        (160, 96) if rotation == 180 else (96, 160)
    }
    assert hidden(tmp_path / 'out.mp4') == SEEN
    assert rotation_of(tmp_path / 'out.mp4') == rotation_of(source)
    assert rotation_of(source) % 360 == rotation % 360
    assert report.clean


def test_where_somebody_is_seen_everything_beside_the_pictures_is_gone(tmp_path, settings):
    source = walk('.mp4', tmp_path, sound=True, metadata={'location': GPS, 'title': 'Jane'})
    report = run(source, tmp_path / 'out.mp4', settings)
    data = (tmp_path / 'out.mp4').read_bytes()
    assert GPS.encode() in source.read_bytes()
    assert GPS.encode() not in data
    assert b'Jane' not in data
    assert streams_of(tmp_path / 'out.mp4') == ['video']
    assert entry_of(report).notes == ['Its stream 1 (audio, aac) is left out.']
    assert report.clean


def test_sound_is_copied_on_request(tmp_path, settings):
    source, target = walk('.mp4', tmp_path, sound=True), tmp_path / 'out.mp4'
    report = run(source, target, settings, sound=True)
    assert streams_of(target) == ['video', 'audio']
    assert packets_of(target, 'audio') == packets_of(source, 'audio')
    assert hidden(target) == SEEN
    assert entry_of(report).notes == []


def test_a_video_that_shows_nobody_keeps_its_stream(tmp_path, settings):
    pictures = [room(False) for _ in range(12)]
    source = write_video(
        tmp_path / 'in.mp4', pictures, times=UNEVEN, sound=True, metadata={'location': GPS}
    )
    report = run(source, tmp_path / 'out.mp4', settings)
    assert entry_of(report).how == 'the same stream of pictures'
    assert entry_of(report).frames.statuses == {'untouched': 12}
    assert GPS.encode() not in (tmp_path / 'out.mp4').read_bytes()
    assert streams_of(tmp_path / 'out.mp4') == ['video']
    assert times_of(tmp_path / 'out.mp4') == times_of(source)
    for one, other in zip(read_video(source), read_video(tmp_path / 'out.mp4'), strict=True):
        assert np.array_equal(one, other)
    assert report.clean


def test_a_stream_that_holds_more_than_was_seen_is_coded_anew(tmp_path, settings, monkeypatch):
    source = write_video(tmp_path / 'in.mp4', [room(False)] * 5)
    monkeypatch.setattr(video_files.VideoReader, 'why_not_copied', lambda self, frames: 'told so')
    report = run(source, tmp_path / 'out.mp4', settings)
    assert entry_of(report).how == 'coded anew as h264'
    assert report.clean


def test_what_was_copied_is_what_was_judged(tmp_path, settings, monkeypatch):
    """The source becomes another one between the last look at it and its being copied."""
    quiet, other = tmp_path / 'quiet.mp4', tmp_path / 'other.mp4'
    write_video(other, [room(seen) for seen in SEEN], times=UNEVEN)
    write_video(quiet, [room(False) for _ in SEEN], times=UNEVEN)
    whole = videos.VideoWriter.copy_pictures

    def copying(self):
        with video_files.VideoReader(other) as reader:
            self._like = reader
            whole(self)

    monkeypatch.setattr(videos.VideoWriter, 'copy_pictures', copying)
    report = run(quiet, tmp_path / 'out.mp4', settings)
    assert not any(bright(tmp_path / 'out.mp4'))
    assert entry_of(report).how == 'coded anew as h264'
    assert entry_of(report).frames.count == 12
    assert report.clean


def test_another_codec_and_container_on_request(tmp_path, settings):
    source = walk('.mkv', tmp_path)
    report = run(source, tmp_path / 'out.mp4', settings, codec='hevc', quality=0.9)
    with video_files.VideoReader(tmp_path / 'out.mp4') as reader:
        assert reader.codec == 'hevc'
    assert entry_of(report).how == 'coded anew as hevc'
    assert 'mp4' in container_of(tmp_path / 'out.mp4')
    quiet = write_video(tmp_path / 'quiet.mp4', [room(False)] * 5)
    assert 'same stream' in entry_of(run(quiet, tmp_path / 'quiet.mkv', settings)).how
    assert 'matroska' in container_of(tmp_path / 'quiet.mkv')
    report = run(quiet, tmp_path / 'quiet.avi', settings)
    assert container_of(tmp_path / 'quiet.avi') == 'avi'
    assert entry_of(report).how == 'coded anew as mjpeg', 'it does not take the other'
    assert 'It was h264.' in entry_of(report).notes
    assert report.clean
    assert hidden(tmp_path / 'out.mp4') == SEEN


def test_quality_tells_in_size(tmp_path, settings):
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 190, (96, 160, 3), np.uint8) for _ in range(6)]
    pictures[2][16:80, 64:96] = 230
    source = write_video(tmp_path / 'in.mp4', pictures)
    for quality in (0.1, 0.9):
        run(source, tmp_path / f'{quality}.mp4', settings, quality=quality)
    sizes = [(tmp_path / f'{quality}.mp4').stat().st_size for quality in (0.1, 0.9)]
    assert sizes[0] < sizes[1] / 2


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
def test_a_frame_that_no_detector_judged_does_not_get_out(tmp_path, settings, on_failure):
    source, target = walk('.mp4', tmp_path), tmp_path / 'out.mp4'
    report = run(source, target, settings.changed(on_failure=on_failure), FailingDetector(4, 8))
    entry = entry_of(report)
    assert not report.clean
    assert entry.frames.causes == {'detector': 2}
    assert not any(bright(target))
    if on_failure == 'drop':
        kept = [time for index, time in enumerate(times_of(source)) if index not in (4, 8)]
        assert times_of(target) == pytest.approx(kept, abs=1e-3)
        assert entry.frames.statuses['dropped'] == 2
    else:
        assert len(read_video(target)) == 12
        assert read_video(target)[8].max() < 20
    assert entry.losses == []


def test_a_stream_with_a_frame_that_no_detector_judged_is_not_copied(tmp_path, settings):
    """Nobody is found in the others; in this one there is somebody."""
    source = write_video(tmp_path / 'in.mp4', [room(index == 4) for index in range(12)])
    report = run(source, tmp_path / 'out.mp4', settings, FailingDetector(4))
    assert not any(bright(tmp_path / 'out.mp4'))
    assert len(read_video(tmp_path / 'out.mp4')) == 11
    assert not report.clean


def test_a_video_of_which_no_frame_came_through_is_not_there(tmp_path, settings):
    source = walk('.mp4', tmp_path)
    with pytest.raises(InputError, match='None of its 12 frames'):
        run(source, tmp_path / 'out.mp4', settings, FailingDetector(*range(12)))
    assert sorted(item.name for item in tmp_path.iterdir()) == ['in.mp4']


def test_frames_that_get_lost_in_writing_are_noticed(tmp_path, settings, monkeypatch):
    source = walk('.mp4', tmp_path)
    whole, count = videos.VideoWriter.encode, []

    def losing(self, *args):
        count.append(1)
        if len(count) != 9:
            whole(self, *args)

    monkeypatch.setattr(videos.VideoWriter, 'encode', losing)
    report = run(source, tmp_path / 'out.mp4', settings)
    assert entry_of(report).losses == ['12 frames were written, and 11 are in the new file.']
    assert not report.clean


def test_a_video_that_broke_off_is_said_to_have(tmp_path, settings):
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 190, (96, 160, 3), np.uint8) for _ in range(24)]
    pictures[0][16:80, 64:96] = 230
    source = write_video(tmp_path / 'in.mkv', pictures, rate=2)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    report = run(source, tmp_path / 'out.mkv', settings)
    entry = entry_of(report)
    assert 0 < entry.frames.count < 20
    assert any('its frames end after' in loss for loss in entry.losses)
    assert not report.clean


def test_a_second_stream_of_pictures_is_a_loss(tmp_path, settings):
    source = walk('.mkv', tmp_path, second=True)
    report = run(source, tmp_path / 'out.mkv', settings)
    assert streams_of(tmp_path / 'out.mkv') == ['video']
    assert entry_of(report).losses == ['Its stream 1 (video, h264) is left out.']
    assert not report.clean


def test_what_was_detected_is_used_again_for_the_same_video_only(tmp_path, settings, monkeypatch):
    whole = videos.on_record

    def alike(folder, identity, work):
        """Two videos that can't be told from each other but by their frames."""
        return whole(folder, {**identity, 'video': 'the same'}, work)

    monkeypatch.setattr(videos, 'on_record', alike)
    source = walk('.mp4', tmp_path)
    first, again, other = Known(), Known(), Known()
    run(source, tmp_path / 'first.mp4', settings, first)
    run(source, tmp_path / 'second.mp4', settings.changed(strength=0.9), again)
    assert (len(first.frames), len(again.frames)) == (12, 0)
    assert hidden(tmp_path / 'second.mp4') == SEEN
    write_video(tmp_path / 'in.mp4', [room(seen, left=16) for seen in SEEN], times=UNEVEN)
    run(source, tmp_path / 'third.mp4', settings, other)
    assert len(other.frames) == 12
    assert not any(bright(tmp_path / 'third.mp4'))


def test_that_nobody_is_there_is_believed_of_the_same_video_only(tmp_path, settings, monkeypatch):
    """Else the stream of another one would be copied with everybody in it."""
    whole = videos.on_record
    monkeypatch.setattr(
        videos,
        'on_record',
        lambda folder, identity, work: whole(folder, {**identity, 'video': 'the same'}, work),
    )
    source = write_video(tmp_path / 'in.mp4', [room(False) for _ in SEEN], times=UNEVEN)
    run(source, tmp_path / 'first.mp4', settings, Known())
    walk('.mp4', tmp_path)
    run(source, tmp_path / 'second.mp4', settings, Known())
    assert hidden(tmp_path / 'second.mp4') == SEEN


def test_a_record_of_another_frame_is_never_believed(tmp_path, settings, monkeypatch):
    """The file changes between the passes: the second one sees other frames than the first."""
    source = walk('.mp4', tmp_path)
    whole = video_frames.VideoImage.digest

    def changing(self):
        said = whole(self)
        return said if threading.current_thread() is not threading.main_thread() else said[::-1]

    monkeypatch.setattr(video_frames.VideoImage, 'digest', changing)
    with pytest.raises(InputError, match='changes while it is read'):
        run(source, tmp_path / 'out.mp4', settings, Known())
    assert sorted(item.name for item in tmp_path.iterdir()) == ['cache', 'in.mp4']


# Photos


def photo(person, orientation=6):
    """Stored on its side; its GPS, thumbnail and maker with it."""
    thumbnail = jpeg_of(room(True)[::4, ::4])
    return with_segments(jpeg_of(room(person), '444'), exif(thumbnail, orientation=orientation))


@pytest.mark.parametrize('metadata', [False, True])
def test_a_photo_is_hidden_where_somebody_is_and_keeps_the_rest(tmp_path, settings, metadata):
    source, target = tmp_path / 'in.jpg', tmp_path / 'out.jpg'
    source.write_bytes(photo(True))
    detector = BrightDetector()
    report = anonymize_media(
        source, target, settings, [detector], output=MediaOutput(metadata=metadata)
    )
    assert report.clean
    assert (detector.frames[0].width, detector.frames[0].height) == (96, 160), 'as shown'
    before, after = shown(source.read_bytes()), shown(target.read_bytes())
    assert after[18:78, 66:94].max() < 12
    away = np.ones(after.shape[:2], bool)
    away[15:81, 63:97] = False
    assert np.array_equal(after[away], before[away])
    assert (b'Example Cameras' in target.read_bytes()) == metadata
    assert b'PREVIEW' not in target.read_bytes()
    assert entry_of(report).notes == ['Removed: metadata.']


def test_a_photo_of_nobody_is_the_same_file_but_for_what_it_carries(tmp_path, settings):
    for name, data in (('bare.jpg', jpeg_of(room(False))), ('full.jpg', photo(False))):
        (tmp_path / name).write_bytes(data)
        run(tmp_path / name, tmp_path / f'out_{name}', settings)
        after = (tmp_path / f'out_{name}').read_bytes()
        assert (after == data) == (name == 'bare.jpg')
        assert np.array_equal(shown(after), shown(data))
        assert b'PREVIEW' not in after


def test_a_photo_that_no_detector_judged_does_not_get_out(tmp_path, settings):
    (tmp_path / 'in.jpg').write_bytes(photo(True))
    with pytest.raises(InputError, match='told to fail'):
        run(tmp_path / 'in.jpg', tmp_path / 'out.jpg', settings, FailingDetector(0))
    assert [item.name for item in tmp_path.iterdir()] == ['in.jpg']
    black = settings.changed(on_failure='blackout')
    report = run(tmp_path / 'in.jpg', tmp_path / 'out.jpg', black, FailingDetector(0))
    assert not report.clean
    assert shown((tmp_path / 'out.jpg').read_bytes()).max() < 3


# Folders


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / 'in'
    (source / 'deep' / 'deeper').mkdir(parents=True)
    (source / 'a.jpg').write_bytes(photo(True))
    (source / 'deep' / 'b.PNG').write_bytes(png_bytes(room(True)))
    write_video(source / 'deep' / 'deeper' / 'c.mp4', [room(seen) for seen in SEEN])
    return source


def test_a_folder_keeps_its_tree_and_every_file_is_accounted_for(tmp_path, settings, folder):
    (folder / 'deep' / 'notes.txt').write_text('hello')
    (folder / 'broken.jpg').write_bytes(photo(True)[:-600])
    (folder / 'moving.gif').write_bytes(b'GIF89a' + bytes(50))
    (folder / 'bad' / 'only').mkdir(parents=True)
    (folder / 'bad' / 'only' / 'cut.mp4').write_bytes(bytes(900))
    target = tmp_path / 'new' / 'out'
    report = anonymize_media(folder, target, settings, teams=[[BrightDetector()] for _ in '12'])
    made = sorted(item.relative_to(target).as_posix() for item in target.rglob('*'))
    deep = ['deep', 'deep/b.PNG', 'deep/deeper', 'deep/deeper/c.mp4']
    assert made == ['a.jpg', REPORT_NAME, *deep, REGIONS_NAME]
    told = json.loads((target / REPORT_NAME).read_text())
    assert told == report.as_dict()
    left_out = {name: file['left_out'] for name, file in told['files'].items() if file['left_out']}
    assert set(left_out) == {'bad/only/cut.mp4', 'broken.jpg', 'deep/notes.txt', 'moving.gif'}
    assert 'cut off' in left_out['broken.jpg']
    assert 'GIF' in left_out['moving.gif']
    assert list(told['files']) == sorted(told['files'], key=lambda name: name.split('/'))
    assert not told['clean']
    assert hidden(target / 'deep/deeper/c.mp4') == SEEN
    assert not decoded((target / 'deep/b.PNG').read_bytes())[16:80, 64:96].any()
    lines = [json.loads(line) for line in (target / REGIONS_NAME).read_text().splitlines()]
    assert [line['file'] for line in lines] == [
        'a.jpg', 'deep/b.PNG', *['deep/deeper/c.mp4'] * 12,
    ]  # fmt: skip
    assert lines[1]['regions'] == [[64, 16, 96, 80]]


@pytest.mark.parametrize('others', ['', 'drop'])
def test_files_that_are_neither_are_missed_unless_it_is_said_that_nobody_does(
    tmp_path, settings, folder, others
):
    (folder / 'notes.txt').write_text('hello')
    output = MediaOutput(others=others)
    report = anonymize_media(folder, tmp_path / 'out', settings, [BrightDetector()], output=output)
    assert report.files['notes.txt'].kind == OTHER
    assert report.clean == (others == 'drop')
    assert not (tmp_path / 'out' / 'notes.txt').exists()


def test_links_are_followed_to_files_and_not_to_folders(tmp_path, settings, folder):
    (folder / 'link').symlink_to(folder / 'deep', target_is_directory=True)
    (folder / 'link.jpg').symlink_to(folder / 'a.jpg')
    report = run(folder, tmp_path / 'out', settings)
    assert report.files['link'].left_out == 'It is a link to a folder.'
    assert not (tmp_path / 'out' / 'link.jpg').is_symlink()
    assert shown((tmp_path / 'out' / 'link.jpg').read_bytes())[18:78, 66:94].max() < 12


def test_an_interrupted_run_leaves_nothing(tmp_path, settings, folder):
    def stop(frame):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / 'deep' / 'out', settings, FakeDetector(answer=stop))
    assert sorted(item.name for item in tmp_path.iterdir()) == ['in']


def test_what_comes_into_being_meanwhile_is_not_overwritten(tmp_path, settings, folder):
    for source, name in ((folder, 'out'), (folder / 'a.jpg', 'out.jpg')):
        target = tmp_path / name

        def appear(frame, target=target):
            target.write_text('mine')
            return BrightDetector()._look(frame)

        with pytest.raises(InputError, match='meanwhile'):
            run(source, target, settings, FakeDetector(answer=appear))
        assert target.read_text() == 'mine'
    assert sorted(item.name for item in tmp_path.iterdir()) == ['in', 'out', 'out.jpg']


# What is refused before any work


def test_what_can_not_be_done_is_refused_at_once(tmp_path, settings, folder):
    def refused(source, name, match):
        detector = BrightDetector()
        before = sorted(tmp_path.rglob('*'))
        with pytest.raises(InputError, match=match):
            run(source, tmp_path / name, settings, detector)
        assert detector.frames == []
        assert sorted(tmp_path.rglob('*')) == before

    (tmp_path / 'there.jpg').write_text('mine')
    (tmp_path / 'there').mkdir()
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'moving.gif').write_bytes(b'GIF89a')
    (tmp_path / 'old.wmv').write_bytes(bytes(9))
    refused(folder / 'a.jpg', 'there.jpg', 'not overwritten')
    refused(folder, 'there', 'not overwritten')
    refused(folder, 'in/out', 'lies in it')
    refused(folder / 'a.jpg', 'out.png', 'must end in .jpg')
    refused(folder / 'deep' / 'b.PNG', 'out.jpg', 'must end in .png')
    refused(folder / 'deep' / 'deeper' / 'c.mp4', 'out.wmv', 'must end in .mp4')
    refused(tmp_path / 'absent', 'out', 'does not exist')
    refused(tmp_path / 'empty', 'out', 'neither photos nor videos')
    refused(tmp_path / 'moving.gif', 'out.gif', 'GIF')
    refused(tmp_path / 'old.wmv', 'out.mp4', 'Convert it')


def test_without_pyav_photos_go_and_videos_are_refused(tmp_path, settings, folder, monkeypatch):
    monkeypatch.setattr(video_frames, 'av', None)
    with pytest.raises(ConfigError, match='PyAV'):
        run(folder, tmp_path / 'out', settings)
    run(folder / 'a.jpg', tmp_path / 'out.jpg', settings)
    assert (tmp_path / 'out.jpg').exists()


def test_too_small_a_disk_is_refused(tmp_path, settings, folder, monkeypatch):
    def full(folder, needed, purpose):
        raise InputError(f'{purpose}: no room for {needed}')

    monkeypatch.setattr(job, 'require_space', full)
    with pytest.raises(InputError, match='no room'):
        run(folder, tmp_path / 'out', settings)
    assert sorted(item.name for item in tmp_path.iterdir()) == ['in']
