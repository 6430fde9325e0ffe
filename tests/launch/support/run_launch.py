"""Runs a launch file as `ros2 launch` does: run_launch.py FILE [NAME:=VALUE ...]."""

import sys

from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

if __name__ == '__main__':
    file, *words = sys.argv[1:]
    arguments = [tuple(word.split(':=', 1)) for word in words]
    service = LaunchService(argv=words)
    service.include_launch_description(
        LaunchDescription(
            [
                IncludeLaunchDescription(
                    PythonLaunchDescriptionSource(file), launch_arguments=arguments
                )
            ]
        )
    )
    sys.exit(service.run())
