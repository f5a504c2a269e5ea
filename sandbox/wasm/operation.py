#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns operation.def, vector.def and sequences.def into the engine's numbers, tables and handlers.

usage: operation.py OPERATION_DEF VECTOR_DEF SEQUENCES_DEF SHARDS OUTPUT_DIRECTORY

Writes operation_numbers.h (enum operation), operation_tables.inc (what operation.c includes),
handlers.h (prototypes) and handlers_0.c ... The output depends on the tables alone.
"""

import fnmatch
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the source tree is not ours

from operation_vector import VectorRows  # noqa: E402

C_TYPE = {'i': 'uint32_t', 'I': 'uint64_t', 'f': 'float', 'F': 'double', 'v': 'v128'}
ACCUMULATOR = {'i': 'r0', 'I': 'r0', 'f': 's0', 'F': 'd0', 'v': 'v0'}
FORMS = {
    'commutative': ['ss', 'rs', 'si', 'ri'],
    'compare': ['ss', 'rs', 'si', 'ri'],
    'ordered': ['ss', 'rs', 'si', 'ri', 'sr', 'is', 'ir'],
    'unary': ['s', 'r'],
    'load': ['s', 'r', 'n'],
    'store': ['ss', 'sr', 'si', 'rs', 'ri', 'ns', 'nr', 'ni', 'rr'],
    'branch': ['ss', 'rs', 'si', 'ri'],
}


class Operation:
    """One operation: a name, the cell's length in bytes, flags and a body with $fields."""

    def __init__(self, name, length, body, family='other', flags=(), destination=''):
        self.name = name
        self.length = length
        self.body = body
        self.family = family
        self.flags = set(flags)
        self.destination = destination  # field that names the result's slot

    @property
    def c_name(self):
        return self.name.replace('.', '_')

    @property
    def constant(self):
        return 'OPERATION_' + self.c_name.upper()


def slot(kind, field):
    return {'i': f'(uint32_t)fp[{field}]', 'I': f'fp[{field}]',
            'f': f'SLOT_F32({field})', 'F': f'SLOT_F64({field})',
            'v': f'SLOT_V128({field})'}[kind]


def immediate(kind):
    return {'i': '$imm', 'I': '(uint64_t)(int64_t)$simm',
            'f': 'f32_from_bits($imm)', 'F': 'f64_from_bits($wide)'}[kind]


def accumulator(kind):
    return '(uint32_t)r0' if kind == 'i' else ACCUMULATOR[kind]


def put(kind, expression):
    # Through uint32_t: the upper half of r0 is zero for an i32.
    value = {'i': f'(uint64_t)(uint32_t)({expression})', 'I': f'(uint64_t)({expression})'}.get(
        kind, expression)
    return f'{ACCUMULATOR[kind]} = {value};'


def store_result(kind, field):
    target = {'f': 'SLOT_F32', 'F': 'SLOT_F64', 'v': 'SLOT_V128'}.get(kind)
    return f'{target}({field}) = {ACCUMULATOR[kind]};' if target else f'fp[{field}] = r0;'


class Table:
    """All operations in order, and what the translator looks up by opcode."""

    def __init__(self):
        self.operations = []
        self.numeric = []   # (mnemonic, family, base operation)
        self.compares = []  # (mnemonic, mirror, inverse)
        self.number = {}

    def add(self, operation):
        if operation.name in self.number:
            sys.exit(f'operation.py: {operation.name} stands twice')
        self.number[operation.name] = len(self.operations)
        self.operations.append(operation)

    def add_with_result(self, name, length, body, kind, field, family='other', flags=()):
        self.add(Operation(name, length, body + ' ' + store_result(kind, '$' + field), family,
                           flags, field))
        self.add(Operation(name + '.n', length, body, family, flags))

    def add_plain(self, name, length, body, family):
        self.add(Operation(name, length, body, family))

    def binary(self, family, name, types, expression, traps):
        kind, result = types[0], types[-1]
        for form in FORMS[family]:
            left = slot(kind, '$a') if form[0] == 's' else \
                accumulator(kind) if form[0] == 'r' else immediate(kind)
            right_field = '$a' if form == 'is' else '$b'
            right = slot(kind, right_field) if form[1] == 's' else \
                accumulator(kind) if form[1] == 'r' else immediate(kind)
            field = 'b' if 'i' in form else 'c'
            length = 24 if 'i' in form and kind == 'F' else 16
            body = (f'{C_TYPE[kind]} a = {left}, b = {right};' + traps +
                    ' ' + put(result, expression))
            self.add_with_result(f'{name}.{form}', length, body, result, field, family)
        self.numeric.append((name, family, f'{name}.ss'))

    def compare(self, name, types, expression, mirror, inverse):
        self.binary('compare', name, types, expression, '')
        kind = types[0]
        self.compares.append((name, mirror, inverse))
        for sense in ('br', 'br_not'):
            if sense == 'br_not' and inverse:
                continue
            for form in FORMS['branch']:
                # An f32 immediate and a displacement would need the same field.
                family = 'hole' if 'i' in form and kind == 'f' else 'branch'
                left = slot(kind, '$a') if form[0] == 's' else accumulator(kind)
                right = slot(kind, '$b') if form[1] == 's' else \
                    immediate(kind) if kind == 'F' else f'({C_TYPE[kind]})(int16_t)$b'
                test = expression if sense == 'br' else f'!({expression})'
                body = f'{C_TYPE[kind]} a = {left}, b = {right}; if ({test}) JUMP($here);'
                length = 24 if 'i' in form and kind == 'F' else 16
                self.add(Operation(f'{sense}.{name}.{form}', length, body, family))

    def unary(self, name, types, expression, traps):
        kind, result = types[0], types[-1]
        for form in FORMS['unary']:
            operand = slot(kind, '$a') if form == 's' else accumulator(kind)
            body = f'{C_TYPE[kind]} a = {operand};' + traps + ' ' + put(result, expression)
            self.add_with_result(f'{name}.{form}', 16, body, result, 'b', 'unary')
        self.numeric.append((name, 'unary', f'{name}.s'))

    def address(self, form, memory_type, checked):
        index = {'s': '(uint32_t)fp[$a]', 'r': '(uint32_t)r0', 'n': '0'}[form]
        if not checked:
            return f'uint8_t *address = mem + {index} + $imm;' if form != 'n' else \
                'uint8_t *address = mem + $imm;'
        index = {'s': 'fp[$a]', 'r': 'r0', 'n': '0'}[form]
        return (f'uint8_t *address; CHECKED_ADDRESS($here, address, {index}, $wide, $imm, '
                f'sizeof({memory_type}));')

    def load(self, name, kind, memory_type):
        for checked in (False, True):
            for form in FORMS['load']:
                body = (self.address(form, memory_type, checked) +
                        f' {memory_type} value; memcpy(&value, address, sizeof value); ' +
                        put(kind, f'({C_TYPE[kind]})value'))
                prefix = 'checked.' if checked else ''
                self.add_with_result(f'{prefix}{name}.{form}', 24 if checked else 16, body, kind,
                                     'b', 'load')
        self.numeric.append((name, 'load', f'{name}.s'))

    def store(self, name, kind, memory_type):
        value = {'s': slot(kind, '$b'), 'r': accumulator(kind),
                 'i': f'(uint64_t)(int64_t)(int16_t)$b'}
        for checked in (False, True):
            for form in FORMS['store']:
                integer = kind in 'iI'
                if (form == 'rr' and integer) or (form[1] == 'i' and not integer):
                    # A place of its own keeps the forms of all stores at the same distances.
                    body, family = 'TRAP($here, UNREACHABLE);', 'hole'
                else:
                    body = (self.address(form[0], memory_type, checked) +
                            f' {memory_type} value = ({memory_type}){value[form[1]]};'
                            ' memcpy(address, &value, sizeof value);')
                    family = 'store'
                prefix = 'checked.' if checked else ''
                self.add(Operation(f'{prefix}{name}.{form}', 24 if checked else 16, body, family))
        self.numeric.append((name, 'store', f'{name}.ss'))


def parse_row(table, words, traps, body):
    """Adds one row; `traps` and `body` are the indented lines below it."""
    kind = words[0]
    if kind == 'fast':
        VectorRows(table, slot, accumulator, C_TYPE).parse([words[1], 'fast.' + words[2], *words[3:]])
    elif kind.startswith('v.'):
        VectorRows(table, slot, accumulator, C_TYPE).parse(words)
    elif kind in ('commutative', 'ordered', 'unary'):
        name, types, expression = words[1], words[2].replace(':', ''), ' '.join(words[3:])
        tests = ''.join(f' if ({condition}) TRAP($here, {code});' for code, condition in traps)
        if kind == 'unary':
            table.unary(name, types, expression, tests)
        else:
            table.binary(kind, name, types, expression, tests)
    elif kind == 'compare':
        options = dict(word.split('=') for word in words[3:] if re.match(r'(mirror|inverse)=', word))
        expression = ' '.join(w for w in words[3:] if not re.match(r'(mirror|inverse)=', w))
        table.compare(words[1], words[2].replace(':', ''), expression, options['mirror'],
                      options.get('inverse'))
    elif kind == 'load':
        table.load(words[1], words[2], words[3])
    elif kind == 'store':
        table.store(words[1], words[2], words[3])
    elif kind == 'slow':
        table.add(Operation(words[1], int(words[2]), 'SLOW($here, %s);' %
                            words[1].replace('.', '_'), 'other', ['TERMINATOR']))
    elif kind == 'op':
        options = dict(word.split('=') for word in words[3:] if '=' in word)
        flags = [word for word in words[3:] if '=' not in word]
        if 'RESULT' in options:
            table.add_with_result(words[1], int(words[2]), body, options['RESULT'],
                                  options['DEST'], 'other', flags)
        else:
            destination = 'b' if words[1].startswith(('move.', 'set.', 'const.')) else ''
            table.add(Operation(words[1], int(words[2]), body, 'other', flags, destination))
    else:
        sys.exit(f'operation.py: no such row: {kind}')


def read_file(table, path):
    row, traps, body = None, [], []

    def finish():
        if row:
            parse_row(table, row, traps, ' '.join(body))

    for line in Path(path).read_text().splitlines():
        if not line.strip() or line.startswith('#'):
            continue
        if line.startswith(' '):
            words = line.split(None, 2)
            if words[0] == 'trap':
                traps.append((words[1], words[2]))
            else:
                body.append(line.strip())
        else:
            finish()
            row, traps, body = line.split(), [], []
    finish()


def read_table(*paths):
    table = Table()
    for path in paths:
        read_file(table, path)
    return table


def braces(pattern):
    """Expands {a,b} the way a shell does."""
    match = re.search(r'\{([^{}]*)\}', pattern)
    if not match:
        return [pattern]
    return [word for choice in match.group(1).split(',')
            for word in braces(pattern[:match.start()] + choice + pattern[match.end():])]


def read_sequences(path, table):
    """Each line lists patterns of operation names; every combination becomes one sequence."""
    sequences = {}
    for line in Path(path).read_text().splitlines():
        if not line.strip() or line.startswith('#'):
            continue
        combinations = [()]
        for word in line.split():
            names = [operation.name for pattern in braces(word) for operation in table.operations
                     if operation.family != 'hole' and fnmatch.fnmatchcase(operation.name, pattern)]
            if not names:
                sys.exit(f'sequences.def: nothing matches {word}')
            combinations = [c + (name,) for c in combinations for name in names]
        for combination in combinations:
            check_sequence(table, combination)
            sequences[combination] = True
    return list(sequences)


def check_sequence(table, names):
    operations = [table.operations[table.number[name]] for name in names]
    if not 2 <= len(operations) <= 4:
        sys.exit(f'sequences.def: a sequence has 2 to 4 operations: {names}')
    for operation in operations[:-1]:
        if 'TERMINATOR' in operation.flags:
            sys.exit(f'sequences.def: {operation.name} must come last: {names}')
    # The compiler would load only what is used of the value, and a load across the end of the
    # memory would no longer trap.
    for position, name in enumerate(names):
        rest = ' '.join(names[position + 1:])
        if re.search(r'(32|64)\.load(16|32)?[._]', name + '.') and \
                re.search(r'\.store(8|16|32)\.[sn]r|wrap_i64|extend(8|16|32)_s', rest):
            sys.exit(f'sequences.def: {name} must not be narrowed by {rest}')
        if 'v128.load.' in name and re.search(r'low|high|zero|lane|splat', rest):
            sys.exit(f'sequences.def: {name} must not be narrowed by {rest}')


def expand(body, offset):
    fields = {'a': 'FIELD_A', 'b': 'FIELD_B', 'c': 'FIELD_C', 'd': 'FIELD_D', 'imm': 'FIELD_IMM',
              'simm': 'FIELD_SIGNED_IMM', 'wide': 'FIELD_WIDE', 'wider': 'FIELD_WIDER', 'here': 'HERE'}
    return re.sub(r'\$(\w+)', lambda m: f'{fields[m.group(1)]}({offset})', body)


def handler_text(name, operations):
    lines = [f'HANDLER(run_{name})', '{', '    ENTER;']
    offset = 0
    for operation in operations:
        lines.append('    { ' + expand(operation.body, offset) + ' }')
        offset += operation.length
    if 'TERMINATOR' not in operations[-1].flags:
        lines.append(f'    NEXT({offset});')
    lines.append('}')
    return '\n'.join(lines) + '\n'


def sequence_name(sequence):
    return '__'.join(name.replace('.', '_') for name in sequence)


def double_array(sequences, table):
    """The trie of sequences as a double array: (base, check, next, accepted sequence)."""
    children, accepted = [{}], [0]
    for index, sequence in enumerate(sequences):
        state = 0
        for name in sequence:
            number = table.number[name]
            if number not in children[state]:
                children[state][number] = len(children)
                children.append({})
                accepted.append(0)
            state = children[state][number]
        accepted[state] = index + 1
    used, bases = {}, [0] * len(children)
    for state in sorted(range(len(children)), key=lambda s: -len(children[s])):
        numbers = children[state]
        base = 0
        while any(base + number in used for number in numbers):
            base += 1
        bases[state] = base
        for number, child in numbers.items():
            used[base + number] = (state, child)
    size = max(used, default=0) + 1 + len(table.operations)
    check = [used.get(i, (0xffff, 0))[0] for i in range(size)]
    child = [used.get(i, (0, 0))[1] for i in range(size)]
    return bases, check, child, accepted


def array(c_type, name, values):
    text = f'const {c_type} {name}[] = {{\n'
    for start in range(0, len(values), 12):
        text += '    ' + ', '.join(str(v) for v in values[start:start + 12]) + ',\n'
    return text + '};\n'


def tables_text(table, sequences):
    text = 'const struct operation_info operation_info[OPERATION_COUNT] = {\n'
    compare_index = {name: i for i, (name, _, _) in enumerate(table.compares)}
    for operation in table.operations:
        flags = ' | '.join(f'OPERATION_IS_{flag}' for flag in sorted(operation.flags)) or '0'
        destination = 'abcd'.index(operation.destination) + 1 if operation.destination else 0
        stem = operation.name.rsplit('.', 2)[0] if operation.name.endswith('.n') else \
            operation.name.rsplit('.', 1)[0]
        compare = compare_index[stem] if operation.family == 'compare' else 0
        text += (f'    [{operation.constant}] = {{"{operation.name}", {operation.length}, '
                 f'FAMILY_{operation.family.upper()}, {destination}, {flags}, {compare}}},\n')
    for prefix, name in (('', 'numeric_operation'), ('fast.', 'fast_operation')):
        text += f'}};\n\nconst struct numeric_operation {name}[OPCODE_COUNT] = {{\n'
        for mnemonic, family, base in table.numeric:
            if mnemonic.startswith('fast.') != bool(prefix):
                continue
            opcode = mnemonic[len(prefix):].replace('.', '_').upper()
            text += (f'    [OPCODE_{opcode}] = {{FAMILY_{family.upper()}, '
                     f'OPERATION_{base.replace(".", "_").upper()}}},\n')
    text += '};\n\nconst struct compare_operation compare_operation[] = {\n'
    for name, mirror, inverse in table.compares:
        def constant(n):
            return 'OPERATION_' + n.replace('.', '_').upper() + '_SS'
        inverted = constant('br.' + inverse) if inverse else constant('br_not.' + name)
        text += (f'    {{{constant(name)}, {constant(mirror)}, '
                 f'{constant(inverse) if inverse else "OPERATION_COUNT"}, '
                 f'{constant("br." + name)}, {inverted}}},\n')
    text += '};\n\n'
    base, check, child, accepted = double_array(sequences, table)
    text += array('uint16_t', 'sequence_base', base)
    text += array('uint16_t', 'sequence_check', check)
    text += array('uint16_t', 'sequence_child', child)
    text += array('uint16_t', 'sequence_accepted', accepted)
    return text


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    table = read_table(sys.argv[1], sys.argv[2])
    sequences = read_sequences(sys.argv[3], table)
    shards, output = int(sys.argv[4]), Path(sys.argv[5])
    note = '// SPDX-License-Identifier: Apache-2.0\n// Made by operation.py.\n'

    numbers = note + '#pragma once\n\nenum operation {\n'
    numbers += ''.join(f'    {operation.constant},\n' for operation in table.operations)
    numbers += f'    OPERATION_COUNT,\n    SEQUENCE_COUNT = {len(sequences)},\n}};\n'
    (output / 'operation_numbers.h').write_text(numbers)
    (output / 'operation_tables.inc').write_text(note + tables_text(table, sequences))

    everything = [(operation.c_name, [operation]) for operation in table.operations]
    everything += [(sequence_name(s), [table.operations[table.number[n]] for n in s])
                   for s in sequences]
    prototypes = note + '#pragma once\n\n' + ''.join(
        f'HANDLER_PROTOTYPE(run_{name});\n' for name, _ in everything)
    prototypes += '\n#define HANDLER_LIST(X) \\\n' + ''.join(
        f'    X(run_{name}) \\\n' for name, _ in everything) + '\n'
    (output / 'handlers.h').write_text(prototypes)
    for shard in range(shards):
        text = note + '#include "sandbox/wasm/handler.h"\n\n'
        text += '\n'.join(handler_text(name, operations)
                          for name, operations in everything[shard::shards])
        (output / f'handlers_{shard}.c').write_text(text)


if __name__ == '__main__':
    main()
