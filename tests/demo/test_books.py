"""The node's books, held against what was sent and recorded."""

from __future__ import annotations

import pytest

from anonymizer_node.demo.books import Books, check_books, read_books
from anonymizer_node.formats.bags import BagWriter
from anonymizer_node.proof.verdict import TopicFigures

RAW = '/front/image_raw'
IMAGE = 'sensor_msgs/msg/Image'


def figures(count_in=10, count_out=7):
    topic = TopicFigures(RAW, f'/anonymized{RAW}', IMAGE, 'anonymized', count_in, count_out)
    info = TopicFigures('/front/camera_info', '', 'sensor_msgs/msg/CameraInfo', 'copied', 9, 9)
    return {topic.name: topic, info.name: info}


def test_books_that_account_for_everything_hold():
    check = check_books({RAW: Books(10, 7, 0, {'overrun': 3, 'rate': 0})}, figures())

    assert (check.state, check.checked, check.law) == ('passed', 10, 4)
    assert check.detail == f'{RAW}: 10 of 10 received, 7 published, 3 dropped (overrun)'


def test_what_the_transport_lost_on_either_side_is_told():
    check = check_books({RAW: Books(9, 8, 0, {'overrun': 1})}, figures())

    assert check.passed
    assert check.detail == (
        f'{RAW}: 9 of 10 received, 8 published, 7 of them recorded, 1 dropped (overrun)'
    )


@pytest.mark.parametrize(
    'books',
    [
        pytest.param({}, id='none'),
        pytest.param({RAW: Books(10, 7, 0, {'overrun': 2})}, id='a frame is missing'),
        pytest.param({RAW: Books(10, 7, 1, {'overrun': 2})}, id='a frame is left lying'),
        pytest.param({RAW: Books(10, 6, 0, {'overrun': 4})}, id='more recorded than published'),
        pytest.param({RAW: Books(11, 7, 0, {'overrun': 4})}, id='more received than sent'),
    ],
)
def test_a_loss_that_is_not_in_the_books_is_found(books):
    assert check_books(books, figures()).state == 'failed'


def test_the_last_report_on_each_camera_counts(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        types = writer.types.types
        array_type = 'diagnostic_msgs/msg/DiagnosticArray'
        topic = writer.add_topic('/diagnostics', array_type)

        def status(values):
            return types['diagnostic_msgs/msg/DiagnosticStatus'](
                level=0,
                name='',
                message='',
                hardware_id='',
                values=[
                    types['diagnostic_msgs/msg/KeyValue'](key=key, value=str(value))
                    for key, value in values.items()
                ],
            )

        for second, received in enumerate((3, 8)):
            books = {
                'input': RAW,
                'received': received,
                'published': received - 2,
                'pending': 0,
                'dropped': 2,
                'dropped: overrun': 2,
            }
            time = types['builtin_interfaces/msg/Time'](sec=second, nanosec=0)
            header = types['std_msgs/msg/Header'](stamp=time, frame_id='')
            array = types[array_type](
                header=header, status=[status({'state': 'active'}), status(books)]
            )
            writer.write(topic, second, writer.encode(array_type, array))

    assert read_books(tmp_path / 'bag') == {RAW: Books(8, 6, 0, {'overrun': 2})}
