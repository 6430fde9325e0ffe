"""Message types by the definitions that a recording holds."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
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
_SECTION = re.compile(r'^={80}\nMSG: ([A-Za-z0-9/_]+)[ \t]*\n', re.MULTILINE)


def encoding_of(definition: str) -> str:
    """How rosbag2 calls the language of a definition."""
    idl = definition.startswith(_IDL_START) or definition.lstrip().startswith('module ')
    return 'ros2idl' if idl else 'ros2msg'


def typestore_of(definitions: Iterable[tuple[str, str]]) -> Typestore:
    """The types of a bag by its own definitions, and the usual ones where it has none.

    A definition that is blank or can't be parsed is none: recorders write an empty text for a type
    that they don't know, and read as a definition it would be one of a message without fields.
    A type that two definitions define otherwise is unknown, whatever the usual one is: which of
    them a message was written by can't be told.

    Args:
        definitions: Message types and their texts, every one that the bag holds.
    """
    own, disputed = own_types(definitions)
    store = get_typestore(Stores.LATEST)
    usual = dict(store.fielddefs)
    with contextlib.suppress(TypesysError):
        store.register(own)
        if not disputed.intersection(usual):
            return store
    # One of the usual types was another one in the release that recorded the bag, or is disputed.
    store = get_typestore(Stores.EMPTY)
    known = {**usual, **own}
    store.register({name: known[name] for name in known if name not in disputed})
    return store


def own_types(definitions: Iterable[tuple[str, str]]) -> tuple[dict[str, Any], frozenset[str]]:
    """What definitions define, dependencies included, and the types on which they don't agree.

    One that can't be parsed agrees with none that can.
    """
    own: dict[str, Any] = {}
    disputed: set[str] = set()
    failed: set[str] = set()
    for msgtype, definition in dict.fromkeys(definitions):
        if not definition.strip():
            continue
        try:
            sections = sections_of(msgtype, definition)
        except TypesysError:
            failed.add(msgtype)
            continue
        for name, defined in sections:
            if _fields(own.setdefault(name, defined)) != _fields(defined):
                disputed.add(name)
    disputed |= failed & own.keys()
    return {name: own[name] for name in own if name not in disputed}, frozenset(disputed)


@functools.lru_cache(maxsize=512)
def sections_of(msgtype: str, definition: str) -> tuple[tuple[str, Any], ...]:
    """Each type that a definition defines; one that it defines twice, twice.

    Raises:
        TypesysError: If it can't be parsed.
    """
    if encoding_of(definition) != 'ros2msg':
        parts = filter(None, definition.split(_IDL_SEPARATOR))
        read = [get_types_from_idl(re.sub(r'\AIDL: .*\n', '', part)) for part in parts]
        return tuple(item for types in read for item in types.items())
    sections = tuple(get_types_from_msg(definition, msgtype).items())
    pieces = _SECTION.split(definition)
    names, texts = [msgtype, *pieces[1::2]], pieces[::2]
    if len(sections) < len(names):  # The parser keeps the last of two.
        for name, text in zip(names, texts, strict=True):
            sections += tuple(get_types_from_msg(text, name).items())
    return sections


def _fields(defined: Any) -> Any:
    """What tells a type on the wire: its fields, without its constants."""
    return defined[1]


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
            yield Leaf(path, description[0], times * most, within, not many)


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
