"""What programs and launch files of the package agree on. It needs no rclpy."""

from __future__ import annotations

from collections.abc import Mapping

WATCHING = 'Watching'
"""What the leak checker says once it listens; the pytest fixture waits for it."""

PASSED_ON: Mapping[str, str] = {
    'params_file': 'YAML file of parameters for the anonymizer.',
    'model': "Detector of the anonymizer. Default: the node's.",
    'method': "How the anonymizer obscures. Default: the node's.",
}
"""Arguments of launch files that include anonymizer.launch.py and hand them on: name, meaning."""
