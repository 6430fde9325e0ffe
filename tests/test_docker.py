"""What the containers promise, read from their files. `.ci/docker.py` checks the recipes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from policy import nodes

REPOSITORY = Path(__file__).resolve().parents[1]
DOCKER = REPOSITORY / 'docker'
RECIPES = sorted(DOCKER.glob('*.Dockerfile'))
COMPOSE = yaml.safe_load((DOCKER / 'compose.yaml').read_text(encoding='utf-8'))
SERVICES = COMPOSE['services']
SROS2 = yaml.safe_load((DOCKER / 'compose.sros2.yaml').read_text(encoding='utf-8'))['services']


def test_there_is_one_recipe_for_each_target():
    assert [recipe.name.split('.')[0] for recipe in RECIPES] == ['jetpack6', 'jetpack7', 'x86_64']


@pytest.mark.parametrize('recipe', RECIPES, ids=lambda path: path.stem)
def test_it_does_not_run_as_root(recipe):
    text = recipe.read_text(encoding='utf-8')
    users = re.findall(r'^USER (\S+)$', text, re.MULTILINE)
    assert users == ['970']
    made = text.index('--uid 970')
    assert made < text.index('USER 970') < text.index('ENTRYPOINT')


@pytest.mark.parametrize('name', ['jetpack6', 'jetpack7'])
def test_the_robots_image_keeps_engines_in_a_volume_and_checks_its_health(name):
    text = (DOCKER / f'{name}.Dockerfile').read_text(encoding='utf-8')
    assert 'ENV XDG_CACHE_HOME=/var/cache\n' in text  # The default of engine_cache is below it.
    assert 'VOLUME /var/cache/anonymizer_node\n' in text
    assert '-m", "anonymizer_node.ros.health"]' in text
    mounts = [volume.split(':')[1] for volume in SERVICES['anonymizer']['volumes']]
    assert '/var/cache/anonymizer_node' in mounts


@pytest.mark.parametrize('name', SERVICES)
def test_every_service_is_locked_down(name):
    service = SERVICES[name]
    assert service['cap_drop'] == ['ALL']
    assert 'no-new-privileges:true' in service['security_opt']
    assert service['ulimits']['core'] == 0
    assert service['ipc'] == 'host'
    assert service['network_mode'] == 'host'
    assert 'privileged' not in service


def test_the_recorder_records_anonymised_topics_only_and_waits_for_them():
    recorder = SERVICES['recorder']
    pattern = recorder['command'][recorder['command'].index('--regex') + 1]
    # As rosbag2 does it: wherever it is found in the name.
    assert re.search(pattern, '/anonymized/front/image_raw')
    for raw in ('/front/image_raw', '/front/anonymized/image_raw', '/anonymized'):
        assert not re.search(pattern, raw)
    assert recorder['depends_on'] == {'anonymizer': {'condition': 'service_healthy'}}


def test_all_share_one_user_for_the_shared_memory():
    assert len({str(service['user']) for service in SERVICES.values()}) == 1


def test_the_camera_gets_the_profile_under_both_names():
    variables = SERVICES['camera']['environment']
    assert variables['FASTDDS_DEFAULT_PROFILES_FILE'] == '/config/fastdds.xml'
    assert variables['FASTRTPS_DEFAULT_PROFILES_FILE'] == '/config/fastdds.xml'


ENCLAVES = {
    'camera': {'camera'},
    'anonymizer': {'anonymizer_node', 'anonymizer_health'},
    'recorder': {'recorder'},
}
"""The keys that a container may see."""


def test_with_sros2_every_service_is_enforced():
    assert set(SROS2) == set(SERVICES)
    for service in SROS2.values():
        told = service['environment']
        assert told['ROS_SECURITY_ENABLE'] == 'true'
        assert told['ROS_SECURITY_STRATEGY'] == 'Enforce'
        assert told['ROS_SECURITY_KEYSTORE'] == '/keys'


@pytest.mark.parametrize(('name', 'enclaves'), ENCLAVES.items())
def test_with_sros2_a_container_sees_its_own_keys_only(name, enclaves):
    mounts = [
        re.fullmatch(r'\$\{KEYS:-[^}]+\}/(.+):(.+):ro', text) for text in SROS2[name]['volumes']
    ]
    assert all(mounts)
    shared = {'public', 'enclaves/governance.p7s'}  # What the links in an enclave's folder lead to.
    assert {mount[1] for mount in mounts} == shared | {f'enclaves/{item}' for item in enclaves}
    assert all(mount[2] == f'/keys/{mount[1]}' for mount in mounts)


def test_with_sros2_every_process_has_an_enclave_that_the_policy_knows():
    for name in ('camera', 'recorder'):
        assert SROS2[name]['environment']['ROS_SECURITY_ENCLAVE_OVERRIDE'] == f'/{name}'
    # The health check has the container's variables too, and must not be the node.
    assert 'ROS_SECURITY_ENCLAVE_OVERRIDE' not in SROS2['anonymizer']['environment']
    for recipe in ('jetpack6', 'jetpack7'):
        text = (DOCKER / f'{recipe}.Dockerfile').read_text(encoding='utf-8')
        assert '"--ros-args", "--enclave", "/anonymizer_node", ' in text
    wanted = {f'/{enclave}' for names in ENCLAVES.values() for enclave in names}
    assert wanted <= set(nodes())


def run_entrypoint(tmp_path: Path, **variables: str) -> str:
    """The profile that a command is given by the entry point; 'NOT_SET' if none."""
    if not shutil.which('bash'):
        pytest.skip('needs bash')
    env = {name: value for name, value in os.environ.items() if '_PROFILES_FILE' not in name}
    # The interpreter of these tests as python3, wherever it is.
    script = tmp_path / 'python3'
    script.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    env |= {'PATH': f'{tmp_path}:{env["PATH"]}', **variables}
    show = 'echo "${FASTDDS_DEFAULT_PROFILES_FILE:-}${FASTRTPS_DEFAULT_PROFILES_FILE:-} $1"'
    command = [DOCKER / 'entrypoint', 'bash', '-c', show, 'x', 'an argument']
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def test_the_entry_point_adds_the_profile_and_passes_arguments_on(tmp_path):
    assert run_entrypoint(tmp_path).endswith('/config/fastdds.xml an argument\n')


@pytest.mark.parametrize(
    ('variables', 'said'),
    [
        ({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}, ' an argument\n'),
        ({'FASTDDS_DEFAULT_PROFILES_FILE': '/mine.xml'}, '/mine.xml an argument\n'),
    ],
)
def test_the_entry_point_leaves_other_choices_alone(tmp_path, variables, said):
    assert run_entrypoint(tmp_path, **variables) == said
