#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the engine's fused sequences as rows for generate_sequence.c.

usage: sequences.py OPERATION_PY OPERATION_DEF VECTOR_DEF SEQUENCES_DEF OUTPUT

The names of operations are taken apart (operation.def explains them): ELEMENT(kind, opcode, form,
keep), where `form` tells where the operands are and `keep` that the result has a slot too. Each
sequence ends with SEQUENCE_END. What has no instruction of its own is left out.
"""
import importlib.util
import re
import sys
from pathlib import Path

ARITHMETIC = {'commutative': 'BINARY', 'ordered': 'BINARY', 'compare': 'BINARY', 'unary': 'UNARY',
              'load': 'LOAD', 'store': 'STORE'}
OTHERS = [(r'br_table\.(.)', 'TABLE'), (r'br', 'BRANCH'), (r'call.*', 'CALL'),
          (r'return\.0', 'RETURN'), (r'return\.(integer|f32|f64)\.(.)', 'RETURN'),
          (r'const\.u32', 'I32'), (r'const\..*', 'I64'), (r'move\.64', 'MOVE_64'),
          (r'move\.32', 'MOVE_32'), (r'set\.integer', 'SET_INTEGER'), (r'set\.f32', 'SET_F32'),
          (r'set\.f64', 'SET_F64'), (r'global\.get\.integer.*', 'GET_INTEGER'),
          (r'global\.get\.f32.*', 'GET_F32'), (r'global\.get\.f64.*', 'GET_F64'),
          (r'global\.set\.integer.*', 'PUT_INTEGER'), (r'global\.set\.64.*', 'PUT_INTEGER'),
          (r'global\.set\.f32.*', 'PUT_F32'), (r'global\.set\.f64.*', 'PUT_F64'),
          (r'select\.integer\..*', 'SELECT_INTEGER'), (r'select\.f32\..*', 'SELECT_F32'),
          (r'select\.f64\..*', 'SELECT_F64')]


VECTOR = re.compile(r'(checked\.)?(v128|[if]\d+x\d+)\.')

sys.dont_write_bytecode = True  # operation.py's folder is not ours


def element(name, families):
    """The row of one operation, or None."""
    keep = 0 if name.endswith('.n') and name.count('.') > 2 else 1
    stem = name[:-2] if not keep else name
    stem = stem.removeprefix('checked.')
    branch = re.fullmatch(r'(br|br_not)\.(.*)', stem)
    if branch and branch.group(2) != '':
        mnemonic, form = branch.group(2).rsplit('.', 1)
        if mnemonic in families:
            kind = 'BRANCH_IF' if branch.group(1) == 'br' else 'IF'
            return row(kind, mnemonic, form, keep)
    if '.' in stem:
        mnemonic, form = stem.rsplit('.', 1)
        if mnemonic in families:
            return row(ARITHMETIC[families[mnemonic]], mnemonic, form, keep)
    for pattern, kind in OTHERS:
        if re.fullmatch(pattern, stem):
            form = stem.rsplit('.', 1)[1] if '.' in stem and stem[-2:] in ('.r', '.s') else ''
            return f'ELEMENT({kind}, OPCODE_NOP, "{form}", {keep})'
    return None


def row(kind, mnemonic, form, keep):
    opcode = 'OPCODE_' + mnemonic.replace('.', '_').upper()
    return f'ELEMENT({kind}, {opcode}, "{form}", {keep})'


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    sys.path.insert(0, str(Path(sys.argv[1]).parent))  # what it imports
    spec = importlib.util.spec_from_file_location('operation', sys.argv[1])
    operation = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(operation)
    table = operation.read_table(sys.argv[2], sys.argv[3])
    families = {name: family for name, family, _ in table.numeric}
    families.update({name: 'compare' for name, _, _ in table.compares})
    lines, last = [], None
    for sequence in operation.read_sequences(sys.argv[4], table):
        if any(VECTOR.match(name) for name in sequence):  # the generator makes none
            continue
        rows = [text for text in (element(name, families) for name in sequence) if text]
        if rows and rows != last:
            lines.append(' '.join(rows) + ' SEQUENCE_END')
        last = rows
    Path(sys.argv[5]).write_text('// SPDX-License-Identifier: Apache-2.0\n// Made by sequences.py.\n' +
                                 '\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
