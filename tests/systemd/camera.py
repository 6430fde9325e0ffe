"""A camera of 10 Hz that always sees the same picture: camera.py PICTURE.npy"""

import array
import sys
import time

import numpy as np
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

picture = np.load(sys.argv[1])
rclpy.init()
node = rclpy.create_node('camera', namespace='/front')
publisher = node.create_publisher(Image, '/front/image_raw', qos_profile_sensor_data)
height, width = picture.shape[:2]
message = Image(height=height, width=width, encoding='bgr8', step=3 * width)
message.data = array.array('B', picture.tobytes())
while True:
    message.header.stamp = node.get_clock().now().to_msg()
    publisher.publish(message)
    time.sleep(0.1)
