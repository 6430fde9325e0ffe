"""What the SROS 2 policy grants, worked out as sros2 does: by patterns, and denied otherwise."""

from __future__ import annotations

import fnmatch
import xml.etree.ElementTree as ElementTree
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
POLICY = REPOSITORY / 'ros2_ws/src/anonymizer_node/config/sros2/policy.xml'


def granted(kind: str, right: str) -> dict[str, set[str]]:
    """The patterns for which a right is granted, by enclave.

    Args:
        kind: `topic` or `service`.
        right: `publish`, `subscribe`, `request` or `reply`.
    """
    root = ElementTree.parse(POLICY).getroot()
    found: dict[str, set[str]] = {}
    for enclave in root.iter('enclave'):
        names = found.setdefault(enclave.attrib['path'], set())
        for profile in enclave.iter('profile'):
            space = profile.attrib['ns'].rstrip('/')
            for group in profile.iter(f'{kind}s'):
                assert set(group.attrib.values()) == {'ALLOW'}  # The rest is denied.
                if right in group.attrib:
                    names |= {
                        expanded(str(item.text), space, profile.attrib['node'])
                        for item in group.iter(kind)
                    }
    return found


def expanded(name: str, space: str, node: str) -> str:
    if name.startswith('~/'):
        return f'{space}/{node}/{name[2:]}'
    return name if name.startswith('/') else f'{space}/{name}'


def may(kind: str, right: str, name: str) -> set[str]:
    """The enclaves that have a right on a name. A star goes over slashes, as in DDS Security."""
    return {
        enclave
        for enclave, patterns in granted(kind, right).items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }


def nodes() -> dict[str, set[str]]:
    """The full names of the nodes that an enclave is for."""
    root = ElementTree.parse(POLICY).getroot()
    return {
        enclave.attrib['path']: {
            f'{profile.attrib["ns"].rstrip("/")}/{profile.attrib["node"]}'
            for profile in enclave.iter('profile')
        }
        for enclave in root.iter('enclave')
    }
