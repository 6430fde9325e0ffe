"""Who may import whom, read from the sources."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / 'ros2_ws/src/anonymizer_node/anonymizer_node'
NAME = 'anonymizer_node'

WINGS = {
    'core': set(),
    'detectors': {'core'},
    'formats': {'core'},
    'offline': {'core', 'detectors', 'formats'},
    'proof': {'core', 'formats'},
    'modelling': {'core', 'detectors', 'formats'},
    'simulation': {'core', 'formats'},
    'ros': {'core', 'detectors', 'formats', 'proof', 'simulation'},
    'demo': {'core', 'detectors', 'formats', 'offline', 'proof', 'modelling', 'simulation', 'ros'},
    'cli': {'core', 'detectors', 'formats', 'offline', 'proof', 'modelling', 'simulation', 'demo'},
}
"""Wing -> the other wings that it may import. `ros` is started as a program, not imported."""

ONLY_IN = {
    'rclpy': ('ros/',),
    'rcl_interfaces': ('ros/',),
    'sensor_msgs': ('ros/',),
    'diagnostic_msgs': ('ros/',),
    'lifecycle_msgs': ('ros/',),
    'visualization_msgs': ('ros/',),
    'vision_msgs': ('ros/',),
    'std_srvs': ('ros/',),
    'onnxruntime': ('detectors/sessions.py', 'modelling/'),
    'onnx': ('modelling/',),
    'rosbags': ('formats/rosbag/',),
    'lz4': ('formats/rosbag/',),
    'mcap': ('formats/rosbag/',),
    'sqlite3': ('formats/rosbag/',),
    'zstandard': ('formats/rosbag/',),
    'distributed': ('offline/cluster.py',),
    'PIL': ('formats/jpeg_anew.py',),
    'fsspec': ('offline/remote.py',),
    'av': ('formats/video',),
    'rich': ('cli/',),
    'argparse': ('cli/', 'ros/'),
}
"""Module -> where alone it may be imported."""

SPEAKING = ('cli/', 'ros/', 'demo/', 'starting.py')
FILES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob('*.py'))}


@functools.cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding='utf-8'))))


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it: (dotted name, line)."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}:{node.lineno} imports relatively'
            # What is imported may be a module itself: `from anonymizer_node.formats import png`.
            for alias in node.names:
                yield f'{node.module}.{alias.name}', node.lineno


def wing_of(relative: str) -> str:
    return relative.split('/')[0] if '/' in relative else ''


def test_there_is_something_to_check():
    assert len(FILES) > 30
    assert {wing_of(file) for file in FILES} - {''} == set(WINGS)


@pytest.mark.parametrize('wing', WINGS)
def test_a_wing_imports_only_those_below_it(wing):
    wrong = []
    for file, path in FILES.items():
        if wing_of(file) != wing:
            continue
        for module, line in imports_of(path):
            parts = module.split('.')
            if parts[0] != NAME or len(parts) < 2:
                continue
            if parts[1] in WINGS:
                allowed = parts[1] == wing or parts[1] in WINGS[wing]
            else:
                allowed = parts[1] == '__version__' or (parts[1] == 'resources' and wing != 'core')
            if not allowed:
                wrong.append(f'{file}:{line} imports {module}')
    assert not wrong


def test_what_lies_beside_the_wings_imports_the_core_at_most():
    for file, path in FILES.items():
        if wing_of(file) == '':
            for module, line in imports_of(path):
                ours = module.startswith(f'{NAME}.')
                assert not ours or module.startswith(f'{NAME}.core.'), f'{file}:{line} {module}'


def test_the_wings_make_no_circle():
    done: set[str] = set()
    while len(done) < len(WINGS):
        ready = {wing for wing, below in WINGS.items() if wing not in done and below <= done}
        assert ready, f'a circle among {set(WINGS) - done}'
        done |= ready


@pytest.mark.parametrize('library', ONLY_IN)
def test_a_library_is_imported_only_where_it_belongs(library):
    wrong = [
        f'{file}:{line}'
        for file, path in FILES.items()
        for module, line in imports_of(path)
        if module.split('.')[0] == library and not file.startswith(ONLY_IN[library])
    ]
    assert not wrong


def test_the_proof_does_not_trust_what_it_checks():
    """`anonymize verify` is independent of the run: no code that judged or obscured is in it."""
    judged = ('core.redaction', 'core.pipeline', 'core.tracking', 'core.motion', 'core.geometry')
    codecs = ('formats.image_codecs', 'formats.jpeg', 'formats.png', 'formats.turbojpeg')
    wrong = [
        f'{file}:{line} imports {module}'
        for file, path in FILES.items()
        if wing_of(file) == 'proof'
        for module, line in imports_of(path)
        if module.startswith(tuple(f'{NAME}.{name}' for name in judged + codecs))
    ]
    assert not wrong


def test_nothing_below_the_edge_prints_or_logs():
    wrong = []
    for file, path in FILES.items():
        if file.startswith(SPEAKING):
            continue
        for node in nodes_of(path):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            # Telling another library to be quiet is no speaking.
            speaks = called.startswith(('logging.', 'sys.std', 'warnings.warn'))
            if (speaks or called == 'print') and called != 'logging.disable':
                wrong.append(f'{file}:{node.lineno} calls {called}')
    assert not wrong


def test_no_bare_except_and_no_broad_one_without_a_word_why():
    wrong = []
    for file, path in FILES.items():
        lines = path.read_text(encoding='utf-8').splitlines()
        for node in nodes_of(path):
            if not isinstance(node, ast.ExceptHandler):
                continue
            kind = ast.unparse(node.type) if node.type else ''
            said = '#' in lines[node.lineno - 1]
            if not kind or (kind in ('Exception', 'BaseException') and not said):
                wrong.append(f'{file}:{node.lineno} except {kind}')
    assert not wrong


def test_no_module_has_the_name_of_one_of_the_standard_library():
    import sys

    # Python has loaded its own `encodings` before it looks into any folder of ours.
    names = {path.stem for path in FILES.values()} - {'__init__', '__main__', 'encodings'}
    assert not names & set(sys.stdlib_module_names)
