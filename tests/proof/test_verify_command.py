"""`anonymize verify` as it is called."""

from __future__ import annotations

import json
import shutil

import pytest
from samples.bags import digest

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


def test_a_bag_without_a_record_has_no_seal_to_keep(twins, tmp_path, capsys):
    twins.write()
    shutil.copytree(twins.source, tmp_path / 'copy')
    assert main(['verify', str(twins.source), str(tmp_path / 'copy')]) == 1
    said = capsys.readouterr().out
    assert 'record-sealed: anonymization.json: anonymization.json holds no digest of it' in said
    assert 'keep the seal' not in said


def test_page_and_seal(twins, tmp_path, capsys):
    twins.write()
    page = tmp_path / 'page.html'
    seal = twins.summary['digests']['anonymization.json']
    words = ['verify', str(twins.source), str(twins.target), '--report', str(page)]
    assert main([*words, '--seal', seal.upper()]) == 0
    assert f'The page is {page}' in capsys.readouterr().out
    text = page.read_text(encoding='utf-8')
    assert 'All four laws hold.' in text
    assert 'Input frame of' not in text
    assert main([*words, '--show-people']) == 0
    assert 'Input frame of' in page.read_text(encoding='utf-8')
    assert main([*words, '--seal', '0' * 64]) == 1


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['--show-people'], '--report'),
        (['--report', '{target}/page.html'], 'put it beside'),
        (['--json', '{target}/answer.json'], 'put it beside'),
        (['--json', '{source}/metadata.yaml'], 'put it beside'),
        (['--json', '{source}/../nowhere/answer.json'], 'No such file or directory. Name a file'),
        (['--report', '{source}/../nowhere/page.html'], 'can not be written'),
        (['--judge', 'no_such_model'], 'unknown'),
        (['--judge', 'person_nanodet_int8 colour=red'], 'colour'),
        (['--judge', 'person_nanodet_int8'], 'no second opinion'),
        (['--prefix', '/anonymized', '--seal', '0' * 64], '--prefix'),
    ],
)
def test_calls_that_make_no_sense(twins, capsys, words, said):
    twins.write()
    words = [word.format(source=twins.source, target=twins.target) for word in words]
    before = digest(twins.source)
    assert main(['verify', str(twins.source), str(twins.target), *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(twins.target.glob('*.html'))
    assert digest(twins.source) == before


def test_a_seal_that_is_none(twins, capsys):
    twins.write()
    with pytest.raises(SystemExit) as ended:
        main(['verify', str(twins.source), str(twins.target), '--seal', 'abc'])
    assert ended.value.code == 2
    assert '64 hexadecimal digits' in capsys.readouterr().err
