"""Recordings, whole or broken off, of ROS 2 and ROS 1. `formats.bags` is the door to it."""
