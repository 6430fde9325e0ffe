import argparse

import pytest

from anonymizer_node.cli import model


def run(*arguments):
    parser = argparse.ArgumentParser()
    model.add_arguments(parser)
    return model.main(parser.parse_args(arguments))


@pytest.mark.parametrize('verb', model.VERBS)
def test_every_verb_has_its_file(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        run(verb, '--help')
    assert caught.value.code == 0
    assert f' {verb} ' in capsys.readouterr().out


def test_a_verb_is_needed():
    with pytest.raises(SystemExit) as caught:
        run()
    assert caught.value.code == 2
