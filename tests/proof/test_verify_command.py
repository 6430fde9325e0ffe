"""`anonymize verify` as it is called."""

from __future__ import annotations

import json

import pytest

from anonymizer_node.cli.main import main
from anonymizer_node.formats import jpeg


def test_clean_output(twins, tmp_path, capsys):
    twins.write()
    answer = tmp_path / 'answer.json'
    assert main(['verify', str(twins.source), str(twins.target), '--json', str(answer)]) == 0
    assert 'Every law holds.' in capsys.readouterr().out
    assert json.loads(answer.read_text())['passed'] is True


def test_spoiled_output_is_named(twins, tmp_path, capsys):
    del twins.after[twins.find('/chatter', 1)]
    twins.write()
    answer = tmp_path / 'answer.json'
    assert main(['verify', str(twins.source), str(twins.target), '--json', str(answer)]) == 1
    assert 'other-messages: /chatter #1' in capsys.readouterr().out
    found = json.loads(answer.read_text())
    broken = [check for check in found['checks'] if check['state'] == 'failed']
    assert broken[0]['failures'][0]['topic'] == '/chatter'


def test_what_was_encoded_anew_is_not_said_to_hold(twins_encoded_anew, capsys):
    twins = twins_encoded_anew
    notes = [jpeg.NOTE_WITHOUT_LIBRARY]
    twins.summary['topics']['/rear/image/compressed']['notes'] = notes
    twins.write()
    assert main(['verify', str(twins.source), str(twins.target)]) == 1
    said = capsys.readouterr().out
    assert 'could not be shown: encoded-anew' in said
    assert 'Every law holds' not in said


@pytest.mark.parametrize('arguments', [['nothing', 'neither'], ['.', '.']])
def test_no_bags(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(['verify', *arguments]) == 2
    assert 'anonymize verify:' in capsys.readouterr().err
