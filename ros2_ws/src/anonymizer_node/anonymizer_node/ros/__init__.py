"""The ROS 2 side. The only wing that imports rclpy."""
