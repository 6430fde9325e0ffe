"""Scenes as the messages that a robot's drivers would publish, ready to send or to record."""

from __future__ import annotations

import heapq
import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.formats.bags import BagWriter, MessageTypes, Topic, qos_profile
from anonymizer_node.simulation.cameras import COMPRESSED, IMAGE, Camera
from anonymizer_node.simulation.scenes import Scene, TruePerson

JPEG_QUALITY = 90

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
IMU = 'sensor_msgs/msg/Imu'

IMU_TOPIC = '/imu/data'
IMU_RATE_HZ = 50.0

_STAMP = struct.Struct('<iI')
_STAMP_AT = 4
"""A header's stamp follows CDR's four leading bytes in every message that begins with a header."""


class Channel(NamedTuple):
    """One topic of the footage.

    Attributes:
        name: Of the topic.
        msgtype: Of its messages.
        reliable: How it is published.
    """

    name: str
    msgtype: str
    reliable: bool


class Shot(NamedTuple):
    """One message, not yet stamped.

    Attributes:
        offset_ns: When to send it, nanoseconds after the start.
        channel: Index into `Footage.channels`.
        data: CDR, its stamp zero.
        people: Who is in it.
        with_last: Whether it bears the stamp of the message before it, as a camera's info does
            its image's.
    """

    offset_ns: int
    channel: int
    data: bytes
    people: tuple[TruePerson, ...] = ()
    with_last: bool = False


class Footage:
    """What some cameras and an inertial unit publish over a while.

    Attributes:
        cameras: As given.
        channels: All topics; of camera i the image is at 2i, its info at 2i + 1; the last is IMU.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        duration_s: float,
        seed: int,
        types: MessageTypes,
        apart: bool = False,
    ) -> None:
        """Draws the scenes' stages.

        Args:
            cameras: At least one.
            duration_s: Seconds.
            seed: Of the scenes.
            types: To make the messages with.
            apart: Whether each camera sees a scene of its own: with `seed` plus its number.

        Raises:
            InputError: If a scene is unknown, or a photograph is missing.
        """
        self.cameras = tuple(cameras)
        images = [Channel(each.topic, each.msgtype, each.reliable) for each in self.cameras]
        infos = [Channel(each.info_topic, CAMERA_INFO, each.reliable) for each in self.cameras]
        beside = (channel for pair in zip(images, infos, strict=True) for channel in pair)
        self.channels = (*beside, Channel(IMU_TOPIC, IMU, True))
        self._scenes = tuple(
            Scene(
                camera.scene,
                camera.width,
                camera.height,
                camera.rate_hz,
                duration_s,
                seed + number * apart,
            )
            for number, camera in enumerate(self.cameras)
        )
        self._duration_s = duration_s
        self._types = types

    def shots(self) -> Iterator[Shot]:
        """All messages in the order of their time. Rendered as they are asked for."""
        streams = [self._camera_shots(index) for index in range(len(self.cameras))]
        return heapq.merge(*streams, self._imu_shots(), key=lambda shot: shot.offset_ns)

    def _camera_shots(self, index: int) -> Iterator[Shot]:
        camera, scene = self.cameras[index], self._scenes[index]
        info = self._info(camera)
        for number in range(scene.frames):
            pixels, people = scene.frame(number)
            offset_ns = round(number * 1e9 / camera.rate_hz)
            yield Shot(offset_ns, 2 * index, self._image(camera, pixels), people)
            yield Shot(offset_ns, 2 * index + 1, info, with_last=True)

    def _imu_shots(self) -> Iterator[Shot]:
        vector = self._type('geometry_msgs/msg/Vector3')
        turn = self._type('geometry_msgs/msg/Quaternion')
        unknown = np.zeros(9)
        for number in range(round(self._duration_s * IMU_RATE_HZ)):
            seconds = number / IMU_RATE_HZ
            data = self._encoded(
                IMU,
                header=self._stamped_header('base_link'),
                orientation=turn(x=0.0, y=0.0, z=0.0, w=1.0),
                orientation_covariance=unknown,
                angular_velocity=vector(x=0.0, y=0.0, z=0.2 * float(np.sin(seconds))),
                angular_velocity_covariance=unknown,
                linear_acceleration=vector(x=0.1 * float(np.cos(seconds)), y=0.0, z=9.81),
                linear_acceleration_covariance=unknown,
            )
            yield Shot(round(number * 1e9 / IMU_RATE_HZ), len(self.channels) - 1, data)

    def _image(self, camera: Camera, pixels: UInt8Array) -> bytes:
        header = self._header(camera)
        if camera.transport == 'jpeg':
            quality = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
            coded = cv2.imencode('.jpg', pixels, quality)[1].ravel()
            return self._encoded(
                COMPRESSED, header=header, format='bgr8; jpeg compressed bgr8', data=coded
            )
        if camera.transport == 'mono8':
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
        return self._encoded(
            IMAGE,
            header=header,
            height=camera.height,
            width=camera.width,
            encoding=camera.transport,
            is_bigendian=0,
            step=pixels.nbytes // camera.height,
            data=np.ascontiguousarray(pixels).ravel(),
        )

    def _info(self, camera: Camera) -> bytes:
        focal, x, y = float(camera.width), camera.width / 2, camera.height / 2
        region = self._type('sensor_msgs/msg/RegionOfInterest')
        return self._encoded(
            CAMERA_INFO,
            header=self._header(camera),
            height=camera.height,
            width=camera.width,
            distortion_model='plumb_bob',
            d=np.zeros(5),
            k=np.array([focal, 0, x, 0, focal, y, 0, 0, 1]),
            r=np.eye(3).ravel(),
            p=np.array([focal, 0, x, 0, 0, focal, y, 0, 0, 0, 1, 0]),
            binning_x=0,
            binning_y=0,
            roi=region(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
        )

    def _header(self, camera: Camera) -> Any:
        return self._stamped_header(f'{camera.name}_optical_frame')

    def _stamped_header(self, frame_id: str) -> Any:
        time = self._type('builtin_interfaces/msg/Time')(sec=0, nanosec=0)
        return self._type('std_msgs/msg/Header')(stamp=time, frame_id=frame_id)

    def _encoded(self, msgtype: str, **fields: Any) -> bytes:
        return self._types.encode(msgtype, self._type(msgtype)(**fields))

    def _type(self, msgtype: str) -> Any:
        return self._types.types.types[msgtype]


class Recording:
    """Writes down what was sent: the messages into a bag, and who was in which."""

    def __init__(self, footage: Footage, writer: BagWriter) -> None:
        self._footage = footage
        self._writer = writer
        self._topics: list[Topic] = [
            writer.add_topic(channel.name, channel.msgtype, (qos_profile(channel.reliable),))
            for channel in footage.channels
        ]
        self._truth: list[dict[str, Any]] = []

    def add(self, shot: Shot, data: bytes, stamp_ns: int) -> None:
        """One message as it was sent, at the time of its stamp."""
        self._writer.write(self._topics[shot.channel], stamp_ns, data)
        number = shot.channel // 2
        if shot.channel % 2 == 0 and number < len(self._footage.cameras):
            camera = self._footage.cameras[number]
            people = [
                {'name': name, 'box': list(box), 'visible': round(visible, 4)}
                for box, visible, name in shot.people
            ]
            self._truth.append(
                {
                    'topic': camera.topic,
                    'stamp_ns': stamp_ns,
                    'width': camera.width,
                    'height': camera.height,
                    'people': people,
                }
            )

    def save_truth(self, path: Path) -> None:
        """Write who was in which frame: a JSON list of topic, stamp_ns, width, height, people."""
        path.write_text(json.dumps(self._truth) + '\n', encoding='utf-8')


def stamped(data: bytes, stamp_ns: int) -> bytes:
    """A serialised message with its header's time set."""
    stamp = _STAMP.pack(*divmod(stamp_ns, 1_000_000_000))
    return data[:_STAMP_AT] + stamp + data[_STAMP_AT + _STAMP.size :]
