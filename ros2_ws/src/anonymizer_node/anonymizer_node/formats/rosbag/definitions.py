"""Message types by the definitions that a recording holds."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)
from rosbags.typesys.store import Typestore

from anonymizer_node.formats.rosbag.model import Leaf, Place

_IDL_SEPARATOR = '=' * 80 + '\n'
_IDL_START = _IDL_SEPARATOR + 'IDL: '


def encoding_of(definition: str) -> str:
    """How rosbag2 calls the language of a definition."""
    idl = definition.startswith(_IDL_START) or definition.lstrip().startswith('module ')
    return 'ros2idl' if idl else 'ros2msg'


def typestore_of(definitions: Collection[tuple[str, str]]) -> Typestore:
    """The types of a bag by its own definitions, and the usual ones where it has none.

    A definition that is blank or can't be parsed is none: recorders write an empty text for a type
    that they don't know, and read as a definition it would be one of a message without fields.

    Args:
        definitions: Message types and their texts.
    """
    own: dict[str, Any] = {}
    for msgtype, definition in definitions:
        if definition.strip():
            with contextlib.suppress(TypesysError):
                own.update(types_of(msgtype, definition))
    store = get_typestore(Stores.LATEST)
    usual = dict(store.fielddefs)
    try:
        store.register(own)
    except TypesysError:
        # One of the usual types was another one in the release that recorded the bag.
        store = get_typestore(Stores.EMPTY)
        store.register({**usual, **own})
    return store


def types_of(msgtype: str, definition: str) -> dict[str, Any]:
    """The types that a definition defines.

    Raises:
        TypesysError: If it can't be parsed.
    """
    if encoding_of(definition) == 'ros2msg':
        return dict(get_types_from_msg(definition, msgtype))
    types: dict[str, Any] = {}
    for part in filter(None, definition.split(_IDL_SEPARATOR)):
        types.update(get_types_from_idl(re.sub(r'\AIDL: .*\n', '', part)))
    return types


def leaves_of(
    msgtype: str,
    fields: Mapping[str, Any],
    prefix: str = '',
    within: tuple[str, ...] = (),
    times: int = 1,
) -> Iterator[Leaf]:
    """See `BagReader.leaves`; `times` is how many of `msgtype` there can be, 0 without bound."""
    within = (*within, msgtype)
    for name, (kind, description) in fields[msgtype][1]:
        path, most = f'{prefix}{name}', 1
        many = kind in (Nodetype.ARRAY, Nodetype.SEQUENCE)
        if many:
            (kind, description), most = description
        if kind == Nodetype.NAME:
            yield from leaves_of(description, fields, f'{path}.', within, times * most)
        else:
            yield Leaf(path, description[0], times * most if many else 1, within)


def places_of(
    msgtype: str,
    fields: Mapping[str, Any],
    wanted: Collection[str],
    path: tuple[str, ...] = (),
) -> Iterator[Place]:
    """See `BagReader.places`."""
    if msgtype in wanted:
        yield Place(path, msgtype)
        return
    for name, (kind, description) in fields[msgtype][1]:
        if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            (kind, description), _ = description
        if kind == Nodetype.NAME:
            yield from places_of(description, fields, wanted, (*path, name))
