"""Message types by the texts that define them, read anew: as .msg or as IDL."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator

from anonymizer_node.formats.bags import BagReader

IMAGE_FIELDS = (
    frozenset({'height', 'width', 'encoding', 'step', 'data'}),
    frozenset({'format', 'data'}),
)
"""What an image has, whatever its type is called."""

LEAST_IMAGE = 256
"""Values in the data of something that may be one."""

_WORDS = ('string', 'wstring')
_IDL_NAMES = {
    'boolean': 'bool',
    'octet': 'uint8',
    'byte': 'uint8',
    'char': 'uint8',
    'float': 'float32',
    'double': 'float64',
    'short': 'int16',
    'unsigned short': 'uint16',
    'long': 'int32',
    'unsigned long': 'uint32',
    'long long': 'int64',
    'unsigned long long': 'uint64',
}
_IDL_REMARK = re.compile(
    r'@\w+(?:\s*\((?:"(?:[^"\\]|\\.)*"|[^()"])*\))?|//[^\n]*|/\*.*?\*/', re.DOTALL
)
"""Annotations and comments."""

_IDL_STRUCT = re.compile(r'\bstruct\s+(\w+)\s*\{(.*?)\}', re.DOTALL)
_IDL_TYPEDEF = re.compile(r'\btypedef\s+([^;]+?)\s+(\w+)\s*((?:\[[^\]]*\])*)\s*;')
_IDL_FIELD = re.compile(r'(.+?)\s+(\w+)\s*((?:\[[^\]]*\])*)', re.DOTALL)
_IDL_SECTION = re.compile(r'^=+\nIDL: *(\S+)\s*?\n', re.MULTILINE)
_MSG_SECTION = re.compile(r'^=+\nMSG: *(\S+)\s*?\n', re.MULTILINE)


def holds_images(reader: BagReader, msgtype: str) -> bool | None:
    """Whether messages of a type hold images, or are ones; None if nobody can tell.

    Nobody can if the bag defines the type not at all, or one within it in two ways.
    """
    leaves = reader.leaves(msgtype)
    if leaves is None:
        return None
    names: dict[str, set[str]] = defaultdict(set)
    large: set[str] = set()
    for leaf in leaves:
        within, _, name = leaf.path.rpartition('.')
        names[within].add(name)
        if name == 'data' and not leaf.single and leaf.base not in _WORDS:
            large.update([within] if leaf.most == 0 or leaf.most >= LEAST_IMAGE else [])
    return any(fields <= names[within] for within in large for fields in IMAGE_FIELDS)


def types_in(reader: BagReader, msgtype: str) -> frozenset[str]:
    """A message type and all types that its definitions name, as `package/Name`."""
    texts = _sections(reader.definitions)
    found: set[str] = set()
    waiting = [_short(msgtype)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        package = name.split('/')[0]
        for lines in texts.get(name, ()):
            for line in lines:
                kind = re.sub(r'\[.*', '', line.split(' ')[0])
                waiting.append(kind if '/' in kind else f'{package}/{kind}')
                if kind == 'Header':
                    waiting.append('std_msgs/Header')
    return frozenset(found)


def defined_twice(definitions: tuple[tuple[str, str], ...], types: frozenset[str]) -> str:
    """The first of some types that definitions give different fields, or ''."""
    texts = _sections(definitions)
    return next((name for name in sorted(types) if len(texts.get(name, ())) > 1), '')


@functools.lru_cache(maxsize=8)
def _sections(definitions: tuple[tuple[str, str], ...]) -> dict[str, list[tuple[str, ...]]]:
    """The fields of each type that the texts define, one entry for each way to."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for msgtype, definition in definitions:
        if not definition.strip():
            continue
        # In a .msg the word may be in a comment.
        idl = re.search(r'^\s*module\s+\w+\s*\{', definition, re.MULTILINE) is not None
        for name, fields in (_of_idl if idl else _of_msg)(msgtype, definition):
            known = found.setdefault(_short(name), [])
            # Of a field's type not the package, which may be left out.
            if not any(list(map(_bare, fields)) == list(map(_bare, other)) for other in known):
                known.append(fields)
    return found


def _of_msg(msgtype: str, definition: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    pieces = _MSG_SECTION.split(definition)
    for name, text in zip([msgtype, *pieces[1::2]], pieces[::2], strict=True):
        plain = [re.sub(r'#.*', '', line) for line in text.splitlines()]
        # Not constants; defaults have no '='.
        words = [line.split() for line in plain if not re.search(r'(?<!<)=', line)]
        yield name, tuple(f'{item[0]} {item[1]}' for item in words if len(item) > 1)


def _of_idl(msgtype: str, definition: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every struct of an IDL text, its fields written as in a .msg."""
    pieces = _IDL_SECTION.split(definition)
    texts = [(msgtype, pieces[0]), *zip(pieces[1::2], pieces[2::2], strict=True)]
    for name, text in texts:
        plain = _IDL_REMARK.sub(' ', text)
        shapes = {
            alias: f'{_idl_kind(kind)}{sizes.replace(" ", "")}'
            for kind, alias, sizes in _IDL_TYPEDEF.findall(plain)
        }
        for struct, body in _IDL_STRUCT.findall(plain):
            fields = []
            for part in body.split(';'):
                field = _IDL_FIELD.fullmatch(part.strip())
                if field:
                    kind, label, sizes = field.groups()
                    shape = shapes.get(kind.split('::')[-1], _idl_kind(kind))
                    fields.append(f'{shape}{sizes} {label}')
            package = name.split('/')[0]
            # What rosidl writes for a message that has no fields.
            dummy = ['uint8 structure_needs_at_least_one_member']
            yield f'{package}/{struct}', () if fields == dummy else tuple(fields)


def _idl_kind(kind: str) -> str:
    """A type of IDL as a .msg has it."""
    kind = ' '.join(kind.split())
    many = re.fullmatch(r'sequence ?< ?(.+?) ?(?:, ?(\w+) ?)?>', kind)
    if many:
        most = f'<={many.group(2)}' if many.group(2) else ''
        return f'{_idl_kind(many.group(1))}[{most}]'
    words = re.fullmatch(r'(w?string) ?< ?(\w+) ?>', kind)
    if words:
        return f'{words.group(1)}<={words.group(2)}'
    parts = [part for part in kind.split('::') if part]
    if len(parts) > 1:
        return f'{parts[0]}/{parts[-1]}'
    return _IDL_NAMES.get(kind, kind)


def _short(msgtype: str) -> str:
    return re.sub('/(msg|srv|action)/', '/', msgtype)


def _bare(field: str) -> str:
    kind, name = field.split(' ')
    plain = re.sub(r'^(byte|char)(?=\[|$)', 'uint8', kind.split('/')[-1])
    return f'{plain} {name}'
