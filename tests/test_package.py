"""That what is shipped beside the code is found, agrees with it, and is installed with it."""

import ast
import importlib.metadata
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

import anonymizer_node
from anonymizer_node import resources
from anonymizer_node.cli.settings import NODE_ONLY
from anonymizer_node.core.config import Settings, options
from anonymizer_node.core.errors import InputError
from anonymizer_node.resources import share_path

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / 'ros2_ws/src/anonymizer_node'
TOP = {'ros2_ws', 'models', 'launch', 'docker', 'tests', 'README.md'}


def test_the_version_is_the_same_everywhere():
    told = ElementTree.parse(PACKAGE / 'package.xml').getroot()
    assert told.findtext('name') == 'anonymizer_node'
    assert told.findtext('version') == anonymizer_node.__version__
    assert told.findtext('license') == 'Apache-2.0'
    assert importlib.metadata.version('anonymizer_node') == anonymizer_node.__version__


def test_the_package_is_of_a_kind_that_colcon_knows():
    told = ElementTree.parse(PACKAGE / 'package.xml').getroot()
    assert told.findtext('export/build_type') == 'ament_python'
    assert (PACKAGE / 'resource/anonymizer_node').is_file()


def test_the_manifest_is_valid_and_the_changelog_readable_by_ros_own_tools():
    package = pytest.importorskip('catkin_pkg.package', reason='needs catkin_pkg')
    changelog = pytest.importorskip('catkin_pkg.changelog', reason='needs docutils')
    told = package.parse_package(str(PACKAGE))
    warnings: list[str] = []
    told.validate(warnings=warnings)
    assert not warnings
    assert told.package_format == 3
    read = changelog.get_changelog_from_path(str(PACKAGE), 'anonymizer_node')
    newest = next((version for version, *_ in read.foreach_version()), None)
    forthcoming = 'Forthcoming' in (PACKAGE / 'CHANGELOG.rst').read_text(encoding='utf-8')
    assert forthcoming or newest == told.version


ROSDEP_PYTHON = {
    'Jinja2': 'python3-jinja2',
    'PyYAML': 'python3-yaml',
    'numpy': 'python3-numpy',
    'opencv-python-headless': 'python3-opencv',
    'rich': 'python3-rich',
}
"""Keys as rosdep knows them for Ubuntu 22.04 and 24.04."""
PIP_ONLY = {'lz4', 'mcap', 'onnxruntime', 'rosbags', 'zstandard'}
"""rosdep has them from pip only, without a word on NumPy, and Jetsons want another onnxruntime."""


def test_every_python_dependency_is_a_rosdep_key_or_known_to_be_from_pip():
    told = ElementTree.parse(PACKAGE / 'package.xml').getroot()
    declared = {item.text for item in told.iter('exec_depend')}
    listed = re.search(r'install_requires=\[(.*?)\]', (PACKAGE / 'setup.py').read_text(), re.DOTALL)
    names = set(re.findall(r"'([A-Za-z0-9-]+)", listed[1]))
    assert {'numpy', 'rosbags'} <= names
    assert {ROSDEP_PYTHON[name] for name in names - PIP_ONLY} <= declared
    assert 'libturbojpeg' in declared


def test_the_executables_are_those_of_the_design():
    points = {
        point.name: point.value
        for point in importlib.metadata.distribution('anonymizer_node').entry_points
        if point.group == 'console_scripts'
    }
    assert points == {
        name: f'anonymizer_node.starting:{name}'
        for name in ('anonymizer_node', 'anonymize', 'camera_simulator', 'leak_checker')
    }
    for value in points.values():
        module, function = value.split(':')
        source = PACKAGE / (module.replace('.', '/') + '.py')
        names = [
            node.name
            for node in ast.parse(source.read_text()).body
            if isinstance(node, ast.FunctionDef)
        ]
        assert function in names


def test_every_ros_package_that_is_imported_is_a_dependency():
    told = ElementTree.parse(PACKAGE / 'package.xml').getroot()
    declared = {item.text for item in told.iter() if item.tag.endswith('depend')}
    # Of the core of ROS; they come with rclpy, whatever the distribution.
    declared |= {'builtin_interfaces', 'rcl_interfaces'}
    known = {'rclpy', 'ament_index_python', 'launch', 'launch_ros'}
    imported = set()
    for path in (PACKAGE / 'anonymizer_node/ros').glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [item.name for item in node.names] if isinstance(node, ast.Import) else []
            imported |= {name.split('.')[0] for name in names if name}
    ros = {name for name in imported if name in known or name.endswith(('_msgs', '_interfaces'))}
    assert ros
    assert ros <= declared


CONFIGS = sorted((PACKAGE / 'config').glob('*.yaml'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.name)
def test_every_key_of_a_shipped_configuration_is_a_setting(path):
    values = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not any('ros__parameters' in (node or {}) for node in values.values()):
        pytest.skip('no parameter file')
    for node in values.values():
        settings = {
            name: value for name, value in node['ros__parameters'].items() if name not in NODE_ONLY
        }
        assert set(settings) <= set(options())
        Settings.from_mapping(settings)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.name)
def test_every_key_that_a_comment_suggests_is_one_too(path):
    for line in path.read_text(encoding='utf-8').splitlines():
        suggested = re.fullmatch(r'\s*# ([a-z_]+): (\S.*)', line)
        if suggested and suggested[1] not in NODE_ONLY | {'reliability', 'depth'}:
            Settings.from_mapping({suggested[1]: yaml.safe_load(suggested[2])})


def test_there_is_a_configuration():
    assert 'anonymizer.yaml' in [path.name for path in CONFIGS]


@pytest.mark.parametrize(
    'relative',
    [
        'package.xml',
        'models',
        'models/models.yaml',
        'models/person_nanodet_int8.onnx',
        'launch',
        'launch/anonymizer.launch.py',
        'launch/bag_replay.launch.py',
        'launch/simulation.launch.py',
        'config',
        'config/anonymizer.yaml',
        'config/fastdds.xml',
        'config/fastdds_udp.xml',
        'config/systemd/anonymized_recorder.service',
    ],
)
def test_what_is_shipped_is_found(relative):
    assert share_path(relative).exists()


def test_what_is_not_shipped_is_said():
    with pytest.raises(InputError) as raised:
        share_path('models/absent.onnx')
    assert "'models/absent.onnx'" in str(raised.value)
    assert 'install' in str(raised.value)


def laid_out(root: Path, where: str, *files: str) -> Path:
    """A module as installed at `where`, with files beside; the module's path."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text('ours')
    module = root / where / 'anonymizer_node/resources.py'
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text('')
    return module


SITE = 'lib/python3.12/site-packages'
SHARE = 'share/anonymizer_node'


@pytest.mark.parametrize(
    ('where', 'files', 'relative', 'found'),
    [
        # A wheel in a virtual environment; colcon's install space has the same shape.
        (SITE, [f'{SHARE}/models/models.yaml'], 'models/models.yaml', 0),
        (SITE, [f'{SHARE}/launch/a.launch.py'], 'launch/a.launch.py', 0),
        # Debian and `pip install --user` put a `local` or another level between.
        (f'local/{SITE}', [f'local/{SHARE}/config/a.yaml'], 'config/a.yaml', 0),
        # A checkout: editable, or colcon with --symlink-install.
        (
            'ros2_ws/src/anonymizer_node',
            ['models/models.yaml', 'models/a.onnx'],
            'models/a.onnx',
            1,
        ),
        (
            'ros2_ws/src/anonymizer_node',
            ['ros2_ws/src/anonymizer_node/package.xml', 'ros2_ws/src/anonymizer_node/config/a.xml'],
            'config/a.xml',
            1,
        ),
        ('ros2_ws/src/anonymizer_node', ['models/models.yaml', 'launch/a.py'], 'launch/a.py', 1),
        # Somebody else's `models` beside our code is not ours.
        (SITE, [f'{SITE}/models/a.onnx', f'{SHARE}/models/a.onnx'], 'models/a.onnx', 1),
        (SITE, [f'{SITE}/models/a.onnx'], 'models/a.onnx', None),
    ],
)
def test_it_is_found_however_the_package_is_installed(
    tmp_path, monkeypatch, where, files, relative, found
):
    monkeypatch.setattr(resources, '__file__', str(laid_out(tmp_path, where, *files)))
    if found is None:
        with pytest.raises(InputError):
            share_path(relative)
    else:
        assert share_path(relative) == tmp_path / files[found]


def test_the_top_level_is_the_one_that_was_agreed():
    assert TOP - {'docker', 'README.md'} <= {item.name for item in REPOSITORY.iterdir()}


def test_old_pips_put_the_executables_on_the_path_too():
    # Without a build system pip 22 and 23 install by setup.cfg, which is there for colcon.
    text = (PACKAGE / 'pyproject.toml').read_text(encoding='utf-8')
    assert 'build-backend = "setuptools.build_meta"' in text


def test_setup_ships_every_file_that_is_looked_for():
    setup = (PACKAGE / 'setup.py').read_text()
    for pattern in ("'*.launch.py'", "'*.onnx'", "'models.yaml'", "shipped_tree('config')"):
        assert pattern in setup
