import pytest
import yaml

from anonymizer_node.cli.main import main
from anonymizer_node.cli.params import allowed, as_yaml, shown
from anonymizer_node.core.config import Settings, options
from anonymizer_node.core.option import Option


def test_the_table_has_every_setting_with_default_and_bounds(capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '400')
    assert main(['params']) == 0
    out = capsys.readouterr().out
    for name, (default, option) in options().items():
        (row,) = [line for line in out.splitlines() if line.split()[:1] == [name]]
        assert shown(default).split(',')[0] in row
        assert allowed(option) in row
        assert option.help in row
        assert ('while the node runs' in row) == option.live


@pytest.mark.parametrize('width', ['40', '80', '200'])
def test_no_name_is_cut_whatever_the_width(capsys, monkeypatch, width):
    monkeypatch.setenv('COLUMNS', width)
    main(['params'])
    out = capsys.readouterr().out
    assert all(name in out for name in options())


def test_as_yaml_it_is_a_parameter_file_of_the_defaults(capsys, tmp_path):
    assert main(['params', '--yaml']) == 0
    out = capsys.readouterr().out
    values = yaml.safe_load(out)['/**']['ros__parameters']
    assert Settings.from_mapping(values) == Settings.of_node()
    assert list(values) == list(options())
    for _, option in options().values():
        assert option.help in out
    assert as_yaml() == out


def test_what_a_setting_takes():
    assert allowed(Option('')) == ''
    assert allowed(Option('', choices=('a', 'b'))) == 'a | b'
    assert allowed(Option('', low=0, high=0.5, unit='s')) == '0..0.5 s'
    assert allowed(Option('', low=32, high=64, unit='px', multiple_of=32)) == (
        '32..64, multiple of 32 px'
    )
    assert shown(('a', 'b')) == 'a, b'
    assert shown(0.5) == '0.5'
