"""Messages of a bag on their way through the pipeline: what is copied, and what is edited."""

import numpy as np
import pytest
from samples.bags import IMAGE, Entry, write_bag
from samples.images import image

from anonymizer_node.core.datatypes import Region
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.offline.messages import MessageCodec

WIDTH, HEIGHT = 32, 24


@pytest.fixture
def reader(tmp_path):
    pixels = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    path = write_bag(tmp_path / 'in', [Entry('/camera', IMAGE, image(pixels), 1)])
    with BagReader(path) as opened:
        yield opened


@pytest.fixture
def data(reader):
    (message,) = reader.messages()
    return message.data


@pytest.mark.parametrize('kind', [bytes, bytearray])
def test_a_frame_that_is_revisited_is_edited_in_a_copy_and_that_is_what_is_written(
    reader, data, kind
):
    given, codec = kind(data), MessageCodec(reader, IMAGE)
    frame = codec.revisit(given, '/camera')
    done = codec.redact(given, frame, [Region(4, 4, 12, 12)], 'blackout', 1.0)
    written = codec.serialised(done.message, data)
    assert given == data, 'what was read is as it was'
    assert isinstance(written, bytearray), 'it is the copy itself'
    assert len(written) == len(data)
    pixels = np.asarray(reader.decode(IMAGE, written).data).reshape(HEIGHT, WIDTH, 3)
    assert (pixels[4:12, 4:12] == 0).all()
    assert (pixels == 200).sum() == pixels.size - 8 * 8 * 3


def test_a_frame_in_which_nobody_is_is_not_copied(reader, data):
    codec = MessageCodec(reader, IMAGE)
    done = codec.stripped(data)
    assert not done.removed
    assert np.may_share_memory(done.message.data, np.frombuffer(data, np.uint8))
    assert codec.serialised(done.message, data) == data


def test_a_frame_that_is_read_only_can_be_blacked_out(reader, data):
    codec = MessageCodec(reader, IMAGE)
    codec.stripped(data)
    written = codec.serialised(codec.blacked_out(data), data)
    assert len(written) == len(data)
    assert (np.asarray(reader.decode(IMAGE, written).data) == 0).all()
    assert (np.asarray(reader.decode(IMAGE, data).data) == 200).all()
