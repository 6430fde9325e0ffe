import argparse

import pytest
import yaml

from anonymizer_node.cli.settings import add_setting_flags, settings_from
from anonymizer_node.core.config import Settings, options
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.redaction import REDACTORS

OF_RECORDINGS = {
    name: default for name, (default, option) in options().items() if option.scope == 'all'
}
OTHER = {
    'input_topics': ('/a', '/b'),
    'model': ('own.onnx', 'face.onnx classes=face'),
    'family': 'yolov8',
    'engine_cache': '/var/cache/engines',
    'providers': ('cpu',),
    'threads': 3,
    'input_size': 640,
    'thoroughness': 'thorough',
    'score_threshold': 0.33,
    'classes': ('person', 'face'),
    'region': ('person', 'rider=head'),
    'padding': 0.2,
    'method': 'pixelate',
    'strength': 0.9,
    'hold_seconds': 1.5,
    'on_failure': 'blackout',
    'topic_actions': ('/c=copy',),
    'follow': ('/d=/c',),
}


def parsed(*argv):
    parser = argparse.ArgumentParser()
    add_setting_flags(parser)
    return settings_from(parser.parse_args([str(word) for word in argv]))


def flags(name, value):
    """The setting as flags, one for each value of a list."""
    values = value if isinstance(value, tuple) else (value,)
    return [word for one in values for word in ('--' + name.replace('_', '-'), one)]


def test_no_flags_are_the_defaults():
    assert parsed() == Settings()


def test_there_is_another_value_for_every_setting():
    assert set(OTHER) == set(OF_RECORDINGS)


@pytest.mark.parametrize('name', OF_RECORDINGS)
def test_every_setting_has_a_flag(name):
    settings = parsed(*flags(name, OTHER[name]))
    assert settings == Settings(**{name: OTHER[name]})
    assert settings != Settings()


@pytest.mark.parametrize('name', OF_RECORDINGS)
def test_every_setting_can_come_from_a_file_and_a_flag_overrides_it(tmp_path, name):
    path = tmp_path / 'settings.yaml'
    value = OTHER[name]
    path.write_text(yaml.safe_dump({name: list(value) if isinstance(value, tuple) else value}))
    assert parsed('--settings', path) == Settings(**{name: value})
    default = OF_RECORDINGS[name]
    if default != ():
        assert parsed('--settings', path, *flags(name, default)) == Settings()


def test_a_file_and_flags_add_up(tmp_path):
    path = tmp_path / 'settings.yaml'
    path.write_text('method: blur\nstrength: 1\n')
    settings = parsed('--settings', path, '--padding', '0.5')
    assert (settings.method, settings.strength, settings.padding) == ('blur', 1.0, 0.5)


@pytest.mark.parametrize('name', ['strength', 'hold_seconds', 'padding'])
def test_a_flag_of_zero_overrides_a_file_too(tmp_path, name):
    path = tmp_path / 'settings.yaml'
    path.write_text(f'{name}: 1\n')
    assert getattr(parsed('--settings', path, '--' + name.replace('_', '-'), '0'), name) == 0.0


def test_what_only_a_node_has_is_no_flag_but_may_be_in_a_file(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        parsed('--output-prefix', '/x')
    assert left.value.code == 2
    assert '--output-prefix' in capsys.readouterr().err
    path = tmp_path / 'settings.yaml'
    path.write_text('output_prefix: /hidden\nmax_rate_hz: 10\n')
    assert parsed('--settings', path).max_rate_hz == 10.0


@pytest.mark.parametrize(
    'text',
    [
        'method: blur',
        '/**:\n  ros__parameters:\n    method: blur\n',
        'ros__parameters:\n  method: blur\n',
        'anonymizer_node:\n  ros__parameters:\n    method: blur\n',
        '/front/anonymizer_node:\n  ros__parameters:\n    method: blur\n    use_sim_time: true\n',
        '/**:\n  ros__parameters:\n    method: blur\n    autostart: false\n'
        '    qos_overrides: {/a: {subscription: {depth: 2}}}\n',
    ],
)
def test_the_node_s_parameter_file_is_a_file_of_settings(tmp_path, text):
    path = tmp_path / 'settings.yaml'
    path.write_text(text)
    assert parsed('--settings', path) == Settings(method='blur')


@pytest.mark.parametrize('text', ['', '\n# nothing\n', '{}', '/**:\n  ros__parameters:\n'])
def test_a_file_that_says_nothing_changes_nothing(tmp_path, text):
    path = tmp_path / 'settings.yaml'
    path.write_text(text)
    assert parsed('--settings', path) == Settings()


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('methd: blur', "'methd'"),
        ('autostart: true', "'autostart'"),
        ('on: blur', 'True'),
        ('method: none', "'none'"),
        ('method: off', 'False'),
        ('method: no', 'quote it'),
        ('on_failure: on', 'quote it'),
        ('classes: [person, y, on]', 'quote it'),
        ('classes: 3', '3'),
        ('strength: 1.5', '1.5'),
        ('strength: high', "'high'"),
        ('strength: 1e-1e', '1e-1e'),
        ('threads: 2.5', '2.5'),
        ('threads: "2"', "'2'"),
        ('input_topics: 1.5', '1.5'),
        ('topic_actions: {/a: copy}', 'list'),
        ('score_threshold: .nan', 'nan'),
        ('padding:', 'None'),
        ('- method', 'name: value'),
        ('just words', 'name: value'),
        ('a: [', 'YAML'),
        ('\x00', 'YAML'),
        ('method: !!python/object/apply:os.getcwd []', 'YAML'),
        ('/**: {ros__parameters: [1]}', 'name: value'),
        ('a: {ros__parameters: {}}\nb: {ros__parameters: {}}', "'a'"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_what_is_wrong(tmp_path, text, said):
    path = tmp_path / 'settings.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        parsed('--settings', path)
    assert said in str(raised.value)


def test_a_file_that_can_not_be_read_is_named(tmp_path):
    (tmp_path / 'latin.yaml').write_bytes(b'method: bl\xfcr')
    for path in (tmp_path / 'absent.yaml', tmp_path, tmp_path / 'latin.yaml'):
        with pytest.raises(ConfigError) as raised:
            parsed('--settings', path)
        assert repr(str(path)) in str(raised.value)


def test_an_integer_in_yaml_does_for_a_float(tmp_path):
    path = tmp_path / 'settings.yaml'
    path.write_text('strength: 1\nhold_seconds: 2\npadding: 0\n')
    settings = parsed('--settings', path)
    assert (settings.strength, settings.hold_seconds, settings.padding) == (1.0, 2.0, 0.0)
    assert all(type(value) is float for value in (settings.strength, settings.hold_seconds))


@pytest.mark.parametrize('flag', ['--threads', '--strength', '--input-size'])
@pytest.mark.parametrize('value', ['many', '', '1,5'])
def test_a_flag_that_is_no_number_is_refused(flag, value, capsys):
    with pytest.raises(SystemExit) as left:
        parsed(flag, value)
    assert left.value.code == 2
    assert flag in capsys.readouterr().err


@pytest.mark.parametrize('value', ['nan', 'inf', '-1', '1.0000001'])
def test_a_strength_out_of_bounds_is_refused(value):
    with pytest.raises(ConfigError, match='strength'):
        parsed(f'--strength={value}')


def test_an_unknown_method_lists_the_known():
    with pytest.raises(ConfigError) as raised:
        parsed('--method', 'none')
    assert "'none'" in str(raised.value)
    assert all(name in str(raised.value) for name in REDACTORS)


def test_the_help_says_default_and_unit_of_everything(capsys):
    with pytest.raises(SystemExit) as left:
        parsed('--help')
    assert left.value.code == 0
    shown = ' '.join(capsys.readouterr().out.split())
    for name, default in OF_RECORDINGS.items():
        assert '--' + name.replace('_', '-') in shown
        if default != ():
            values = default if isinstance(default, tuple) else (default,)
            assert f'Default: {" ".join(map(str, values))}' in shown
    assert '0.5 s.' in shown
    for method in REDACTORS:
        assert method in shown
