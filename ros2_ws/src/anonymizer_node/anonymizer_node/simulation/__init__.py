"""Scenes of real people with known places, to test and to show with. No ROS in here."""
