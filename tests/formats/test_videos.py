"""Video frames and files: what is written of them, and what isn't."""

import numpy as np
import pytest
from samples.videos import (
    GPS,
    packets_of,
    read_video,
    room,
    rotation_of,
    streams_of,
    times_of,
    write_video,
)

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import ConfigError, FrameError, InputError
from anonymizer_node.core.turning import TURNS
from anonymizer_node.formats import video_frames
from anonymizer_node.formats.video_encoders import CONTAINERS, ENCODERS, encoder_for, format_for
from anonymizer_node.formats.video_files import VideoReader, pixel_format_for
from anonymizer_node.formats.video_frames import PIXEL_FORMATS, VideoCodec, VideoImage, copy_of
from anonymizer_node.formats.video_writer import VideoWriter

av = pytest.importorskip('av')
CODEC = VideoCodec()
UNEVEN = [0, 40, 120, 130, 300, 333, 400, 900, 901, 950]


def picture(pixel_format, width=61, height=47, full=False):
    """A frame of noise; sizes that no chroma divides."""
    random = np.random.default_rng(3)
    pixels = random.integers(30, 220, (height, width, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, 'bgr24').reformat(format=pixel_format)
    frame.pts, frame.time_base = 5, av.VideoFrame.from_ndarray(pixels, 'bgr24').time_base or 1
    frame.color_range = 2 if full else 1
    return frame


def planes(frame):
    return [view.copy() for _, view in video_frames.planes_of(frame)]


@pytest.mark.parametrize('turn', [TURNS[1], TURNS[6], TURNS[3]])
@pytest.mark.parametrize('name', PIXEL_FORMATS)
def test_a_region_is_black_to_its_last_sample_and_the_rest_is_what_it_was(name, turn):
    frame = picture(name)
    before = planes(frame)
    image = VideoImage(frame, turn, 0)
    seen = CODEC.decode(image, 'video', 1000)
    again = CODEC.revisit(image, 'video')
    assert (again.width, again.height, again.stamp_ns) == (seen.width, seen.height, seen.stamp_ns)
    assert (seen.width, seen.height) == turn.size(61, 47)
    done = CODEC.redact(image, seen, [Region(7, 5, seen.width, 21)], 'blackout', 0.5)
    assert [np.array_equal(a, b) for a, b in zip(before, planes(frame), strict=True)] == [
        True
    ] * len(before), 'the decoder may need it again'
    (shown,) = done.regions
    assert shown.x0 <= 7
    assert shown.x1 == seen.width
    assert shown.y0 <= 5 < 21 <= shown.y1
    (stored,) = turn.regions_stored([shown], seen.width, seen.height)
    for plane in PIXEL_FORMATS[name]:
        assert stored.x0 % plane.across == 0, 'no sample reaches out of what is told'
        assert stored.y0 % plane.down == 0
        assert stored.x1 % plane.across == 0 or stored.x1 == 61
        assert stored.y1 % plane.down == 0 or stored.y1 == 47
    for (plane, after), was in zip(video_frames.planes_of(done.message.frame), before, strict=True):
        outside = np.ones(was.shape[:2], bool)
        outside[
            stored.y0 // plane.down : -(-stored.y1 // plane.down),
            stored.x0 // plane.across : -(-stored.x1 // plane.across),
        ] = False
        full = name.startswith('yuvj')
        assert set(after[~outside].ravel()) == {plane.black[0 if full else 1]}
        assert np.array_equal(after[outside], was[outside])


@pytest.mark.parametrize(('full', 'luma'), [(False, 16), (True, 0)])
def test_black_is_that_of_the_range(full, luma):
    image = VideoImage(picture('yuv420p', full=full), TURNS[1], 0)
    first, second, third = planes(CODEC.blacked_out(image).frame)
    assert (np.unique(first), np.unique(second), np.unique(third)) == ([luma], [128], [128])


def test_a_detector_gets_no_more_pixels_than_it_makes_use_of():
    seen = CODEC.decode(VideoImage(picture('yuv420p', 640, 480), TURNS[6], 0), 'video', 300)
    assert seen.pixels.shape == (320, 240, 3)
    assert (seen.width, seen.height) == (480, 640)


def test_a_digest_is_of_pixels_and_time():
    image = VideoImage(picture('yuv420p'), TURNS[1], 7)
    assert image.digest() == VideoImage(copy_of(image.frame), TURNS[1], 7).digest()
    assert image.digest() != VideoImage(image.frame, TURNS[1], 8).digest()
    other = copy_of(image.frame)
    planes_of_other = video_frames.planes_of(other)
    planes_of_other[2][1][-1, -1, 0] ^= 1
    assert image.digest() != VideoImage(other, TURNS[1], 7).digest()


@pytest.mark.parametrize('codec', ENCODERS)
def test_every_codec_keeps_frames_times_and_rotation(tmp_path, codec):
    suffix = next(name for name in ('.mkv', '.mp4') if codec in CONTAINERS[name])
    pictures = [room(index > 5) for index in range(10)]
    source = write_video(tmp_path / f'in{suffix}', pictures, times=UNEVEN, rotation=-90)
    target = tmp_path / f'out{suffix}'
    with VideoReader(source) as reader, VideoWriter(target, reader, False) as writer:
        for image in reader.images(pixel_format_for(reader, codec)):
            assert image.turn == TURNS[6]
            writer.encode(image, codec, 0.75)
    with VideoReader(target) as reader:
        assert reader.codec == codec
    assert times_of(target) == pytest.approx(times_of(source), abs=1e-6)
    assert rotation_of(target) == rotation_of(source) == -90
    for one, other in zip(read_video(source), read_video(target), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 4


@pytest.mark.parametrize('suffix', CONTAINERS)
def test_every_container_is_written_with_its_usual_codec(tmp_path, suffix):
    """Frames out of order are coded in none that has no times for them."""
    codec = CONTAINERS[suffix][0]
    source = write_video(tmp_path / 'in.mkv', [room(index % 2 > 0) for index in range(12)])
    target = tmp_path / f'out{suffix}'
    with VideoReader(source) as reader, VideoWriter(target, reader, False) as writer:
        for image in reader.images(pixel_format_for(reader, codec)):
            writer.encode(image, codec, 0.75)
    times = np.array(times_of(target))
    assert times - times[0] == pytest.approx(np.arange(12) / 10, abs=1e-3)


@pytest.mark.parametrize('rotation', [0, 180])
@pytest.mark.parametrize('sound', [False, True])
def test_a_copied_stream_is_the_same_less_what_it_says_beside_its_pictures(
    tmp_path, sound, rotation
):
    said = {'location': GPS, 'title': 'Jane', 'com.example.place': GPS}
    pictures = [room(False) for _ in range(12)]
    source = write_video(
        tmp_path / 'in.mp4',
        pictures,
        times=[*UNEVEN, 1000, 1001],
        rotation=rotation,
        sound=True,
        metadata=said,
    )
    target = tmp_path / 'out.mp4'
    with VideoReader(source) as reader, VideoWriter(target, reader, sound) as writer:
        writer.copy_pictures()
    assert GPS.encode() in source.read_bytes()
    assert b'x264' in source.read_bytes(), 'user data in the stream'
    for gone in (GPS.encode(), b'Jane', b'x264', b'Lavf'):
        assert gone not in target.read_bytes()
    assert streams_of(target) == ['video', *(['audio'] if sound else [])]
    assert rotation_of(target) == rotation_of(source)
    assert times_of(target) == times_of(source)
    for one, other in zip(read_video(source), read_video(target), strict=True):
        assert np.array_equal(one, other)
    if sound:
        assert packets_of(target, 'audio') == packets_of(source, 'audio')


def test_a_stream_that_may_hold_more_than_was_seen_is_not_to_be_copied(tmp_path):
    source = write_video(tmp_path / 'in.mp4', [room(False)] * 5)
    with VideoReader(source) as reader:
        count = sum(1 for _ in reader.images())
        assert reader.why_not_copied(count) == ''
        assert 'made 4 frames' in reader.why_not_copied(count - 1)
        reader.unshown = 1
        assert reader.why_not_copied(count)
    carrying = write_video(
        tmp_path / 'in.mkv', [room(False)] * 5, codec='mjpeg', pixel_format='yuvj420p'
    )
    with VideoReader(carrying) as reader:
        assert 'mjpeg may carry more' in reader.why_not_copied(sum(1 for _ in reader.images()))


def test_units_that_no_decoder_shows_are_not_copied(tmp_path):
    """A second view, alpha, or whatever somebody puts into a stream of H.264."""
    source = write_video(tmp_path / 'in.mp4', [room(False)] * 5)
    laden = tmp_path / 'laden.mp4'
    with av.open(str(source)) as one, av.open(str(laden), 'w') as other:
        stream = other.add_stream_from_template(one.streams.video[0])
        for packet in one.demux(video=0):
            if packet.dts is not None:
                extra = b''
                for kind in (6, 15, 19, 20, 28):
                    unit = bytes([0x60 | kind]) + b'\x80SOMEBODY\x80'
                    extra += len(unit).to_bytes(4, 'big') + unit
                done = av.Packet(bytes(packet) + extra)
                done.pts, done.dts, done.time_base = packet.pts, packet.dts, packet.time_base
                done.is_keyframe, done.duration = packet.is_keyframe, packet.duration
                done.stream = stream
                other.mux(done)
    assert laden.read_bytes().count(b'SOMEBODY') == 25
    target = tmp_path / 'out.mp4'
    with VideoReader(laden) as reader, VideoWriter(target, reader, False) as writer:
        writer.copy_pictures()
    assert b'SOMEBODY' not in target.read_bytes()
    for one, other in zip(read_video(source), read_video(target), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize('codec', ['libvpx', 'libvpx-vp9'])
def test_a_stream_with_alpha_is_not_copied(tmp_path, codec):
    """Cut along an outline it would show the outline."""
    source = write_video(tmp_path / 'in.webm', [room(False)] * 5, codec, pixel_format='yuva420p')
    with VideoReader(source) as reader:
        assert 'carry something else' in reader.why_not_copied(sum(1 for _ in reader.images()))
    plain = write_video(tmp_path / 'plain.webm', [room(False)] * 5, codec)
    with VideoReader(plain) as reader:
        assert reader.why_not_copied(sum(1 for _ in reader.images())) == ''


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.ts', '.mov'])
def test_a_usual_stream_is_copied_from_every_container(tmp_path, suffix):
    source = write_video(tmp_path / f'in{suffix}', [room(False)] * 9, sound=True)
    target = tmp_path / f'out{suffix}'
    with VideoReader(source) as reader:
        assert reader.why_not_copied(sum(1 for _ in reader.images())) == ''
    with VideoReader(source) as reader, VideoWriter(target, reader, True) as writer:
        writer.copy_pictures()
    assert np.diff(times_of(target)) == pytest.approx(np.diff(times_of(source)), abs=1e-3)
    for one, other in zip(read_video(source), read_video(target), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize('codec', ['libsvtav1', 'libvpx', 'libvpx-vp9'])
def test_streams_of_other_codecs_are_copied_too(tmp_path, codec):
    source = write_video(tmp_path / 'in.mkv', [room(False)] * 9, codec)
    target = tmp_path / 'out.mkv'
    with VideoReader(source) as reader:
        assert reader.why_not_copied(sum(1 for _ in reader.images())) == ''
    with VideoReader(source) as reader, VideoWriter(target, reader, False) as writer:
        writer.copy_pictures()
    for one, other in zip(read_video(source), read_video(target), strict=True):
        assert np.array_equal(one, other)


def test_a_stream_that_may_have_a_second_view_is_not_copied(tmp_path):
    source = write_video(tmp_path / 'in.mp4', [room(False)] * 5, 'libx265')
    with VideoReader(source) as reader:
        assert 'hevc may carry' in reader.why_not_copied(sum(1 for _ in reader.images()))


def test_a_cropped_stream_is_not_copied(tmp_path):
    """What lies beyond the crop was seen by nobody."""
    source = write_video(tmp_path / 'in.mp4', [room(False, 160, 96)] * 5)
    cropped = tmp_path / 'cropped.mp4'
    with av.open(str(source)) as one, av.open(str(cropped), 'w') as other:
        stream = other.add_stream_from_template(one.streams.video[0])
        cut = av.BitStreamFilterContext('h264_metadata=crop_right=80', one.streams.video[0], stream)
        for packet in one.demux(video=0):
            for done in cut.filter(packet if packet.dts is not None else None):
                done.stream = stream
                other.mux(done)
    with VideoReader(cropped) as reader:
        assert (reader.width, reader.height) == (80, 96)
        assert '80 columns' in reader.why_not_copied(sum(1 for _ in reader.images()))


def test_frames_that_the_file_hides_are_left_out_and_known(tmp_path):
    """An edit list: what phones cut away is still in the stream."""
    source = write_video(tmp_path / 'in.mp4', [room(index < 4) for index in range(12)])
    trimmed = tmp_path / 'trimmed.mp4'
    with av.open(str(source)) as one, av.open(str(trimmed), 'w') as other:
        stream = other.add_stream_from_template(one.streams.video[0])
        for packet in one.demux(video=0):
            if packet.dts is not None:
                packet.pts -= int(0.5 / packet.time_base)
                packet.dts -= int(0.5 / packet.time_base)
                packet.stream = stream
                other.mux(packet)
    with VideoReader(trimmed) as reader:
        seen = [image.frame.to_ndarray(format='bgr24').max() for image in reader.images()]
        assert len(seen) < 12
        assert max(seen) < 180, 'nobody is in the frames that are shown'
        assert reader.why_not_copied(len(seen))


def test_streams_are_named(tmp_path):
    source = write_video(tmp_path / 'in.mkv', [room(False)] * 3, sound=True, second=True)
    with VideoReader(source) as reader:
        assert reader.declared_s == 0.0, 'the sound may last longer'
        assert reader.second == ['stream 1 (video, h264)']
        assert reader.sounds == ['stream 2 (audio, aac)']
        assert reader.left_out == []


def test_a_frame_of_another_size_ends_it(tmp_path):
    first = write_video(tmp_path / 'a.ts', [room(False)] * 5)
    second = write_video(tmp_path / 'b.ts', [room(False, 96, 64)] * 5)
    both = tmp_path / 'both.ts'
    both.write_bytes(first.read_bytes() + second.read_bytes())
    with VideoReader(both) as reader, pytest.raises(FrameError, match='96x64'):
        list(reader.images())


@pytest.mark.parametrize('data', [b'', b'no video', bytes(5000)])
def test_what_is_no_video_is_refused(tmp_path, data):
    path = tmp_path / 'in.mp4'
    path.write_bytes(data)
    with pytest.raises(InputError, match=r'in\.mp4'):
        VideoReader(path)


def test_a_playlist_is_no_video(tmp_path):
    """It would have other files read."""
    write_video(tmp_path / 'other.ts', [room(True)] * 5)
    path = tmp_path / 'in.ts'
    path.write_text('ffconcat version 1.0\nfile other.ts\n')
    with pytest.raises(InputError, match='can not be read as a video'):
        VideoReader(path)


def test_damage_in_the_middle_is_counted(tmp_path):
    source = write_video(tmp_path / 'in.mkv', [room(False)] * 5)
    data = bytearray(source.read_bytes())
    packet = packets_of(source)[2]
    at = data.index(packet)
    data[at : at + len(packet)] = b'\xff' * len(packet)
    source.write_bytes(data)
    with VideoReader(source) as reader:
        frames = sum(1 for _ in reader.images())
        assert reader.lost == 1
        assert frames == 4
        assert reader.why_not_copied(frames)


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(video_frames, 'av', None)
    with pytest.raises(ConfigError, match='pip install'):
        VideoReader(tmp_path / 'in.mp4')


@pytest.mark.parametrize('version', ['16.9.9', '17.0.1'])
def test_an_old_library_is_refused(monkeypatch, tmp_path, version):
    """It doesn't say how much of a stream's pictures is not shown."""
    monkeypatch.setattr(av, '__version__', version)
    with pytest.raises(ConfigError, match=f'version {version}'):
        VideoReader(tmp_path / 'in.mp4')


def test_the_codec_is_the_one_asked_for_or_the_source_s_or_the_usual_one():
    assert encoder_for('.mp4', 'hevc') == 'hevc'
    assert encoder_for('.mp4', 'mpeg4') == 'h264'
    assert encoder_for('.webm', 'h264') == 'vp9'
    assert encoder_for('.mp4', 'hevc', 'h264') == 'h264'
    with pytest.raises(ConfigError, match='vp8'):
        encoder_for('.mp4', 'h264', 'vp8')


def test_pixel_formats_are_kept_where_they_can_be():
    assert format_for(ENCODERS['h264'], 'yuvj422p') == 'yuvj422p'
    assert format_for(ENCODERS['h264'], 'yuv422p10le') == 'yuv422p'
    assert format_for(ENCODERS['mjpeg'], 'yuv420p') == 'yuvj420p'
    assert format_for(ENCODERS['av1'], 'yuv444p') == 'yuv420p'
    assert format_for(ENCODERS['h264'], 'bgra') == 'yuv420p'


def test_all_that_is_in_the_tables_goes_together():
    for codec, encoder in ENCODERS.items():
        assert set(encoder.formats) <= set(PIXEL_FORMATS), codec
        known = {item.name for item in av.Codec(encoder.name, 'w').video_formats or ()}
        assert set(encoder.formats) <= known, codec
    for codecs in CONTAINERS.values():
        assert set(codecs) <= set(ENCODERS)
