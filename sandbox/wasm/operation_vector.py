# SPDX-License-Identifier: Apache-2.0
"""The rows of vector.def, for operation.py: which forms a vector operation has, and their bodies."""

# The bytes of a lane, and the vector type that its value is spread to, by C type.
LANES = {'uint8_t': (1, 'u8x16'), 'uint16_t': (2, 'u16x8'), 'uint32_t': (4, 'u32x4'),
         'uint64_t': (8, 'u64x2'), 'float': (4, 'f32x4'), 'double': (8, 'f64x2')}


def operand(name, place, lanes, field):
    source = 'v0' if place == 'r' else f'SLOT_V128({field})'
    return f'{lanes} {name} = ({lanes}){source};'


def spread(c_type, value):
    """A vector with the value in every lane; by listing, since a sum with 0 would change a NaN."""
    width, vector = LANES[c_type]
    return f'({vector}){{{", ".join([value] * (16 // width))}}}'


class VectorRows:
    """Adds the operations of a row to the table."""

    def __init__(self, table, scalar_slot, scalar_accumulator, c_types):
        self.table = table
        self.scalar_slot = scalar_slot
        self.scalar_accumulator = scalar_accumulator
        self.c_types = c_types

    def scalar(self, name, kind, place, field):
        source = self.scalar_accumulator(kind) if place == 'r' else self.scalar_slot(kind, field)
        return f'{self.c_types[kind]} {name} = {source};'

    def add(self, family, mnemonic, forms, length, field, body, result='v'):
        """An operation for each form; body(form) is what it does."""
        for form in forms:
            self.table.add_with_result(f'{mnemonic}.{form}', length, body(form), result, field,
                                       family)
        self.table.numeric.append((mnemonic, family, f'{mnemonic}.{forms[0]}'))

    def commutative(self, name, lanes, expression):
        self.binary(name, lanes, expression, 'vector_commutative', ['ss', 'rs'])

    def ordered(self, name, lanes, expression):
        self.binary(name, lanes, expression, 'vector_ordered', ['ss', 'rs', 'sr'])

    def binary(self, name, lanes, expression, family, forms, length=16):
        self.add(family, name, forms, length, 'c', lambda form:
                 operand('a', form[0], lanes, '$a') + operand('b', form[1], lanes, '$b') +
                 f' v0 = (v128)({expression});')

    def shuffle(self, name):
        self.binary(name, 'v128', 'i8x16_shuffle(a, b, V128_IN($here + 16))', 'vector_ordered',
                    ['ss', 'rs', 'sr'], 32)

    def unary(self, name, lanes, expression):
        self.add('vector_unary', name, ['s', 'r'], 16, 'b', lambda form:
                 operand('a', form, lanes, '$a') + f' v0 = (v128)({expression});')

    def test(self, name, lanes, expression):
        self.add('vector_unary', name, ['s', 'r'], 16, 'b', lambda form:
                 operand('a', form, lanes, '$a') + f' r0 = {expression};', 'i')

    def splat(self, name, kind, expression):
        self.add('vector_unary', name, ['s', 'r'], 16, 'b', lambda form:
                 self.scalar('a', kind, form, '$a') + f' v0 = (v128)({expression});')

    def shift(self, name, lanes, expression):
        self.add('vector_shift', name, ['ss', 'rs', 'sr', 'rr', 'si', 'ri'], 16, 'c', lambda form:
                 operand('a', form[0], lanes, '$a') +
                 ('uint32_t b = $b;' if form[1] == 'i' else self.scalar('b', 'i', form[1], '$b')) +
                 f' v0 = (v128)({expression});')

    def ternary(self, name, lanes, expression):
        self.add('vector_ternary', name, ['sss', 'ssr'], 16, 'd', lambda form:
                 operand('a', form[0], lanes, '$a') + operand('b', form[1], lanes, '$b') +
                 operand('c', form[2], lanes, '$c') + f' v0 = (v128)({expression});')

    def extract(self, name, kind, memory_type):
        target = {'f': 's0', 'F': 'd0'}.get(kind, 'r0')
        value = {'i': '(uint64_t)(uint32_t)value'}.get(kind, 'value')
        self.add('vector_extract', name, ['s'], 16, 'b', lambda form:
                 f'{memory_type} value; memcpy(&value, (const uint8_t *)(fp + $a) + '
                 f'$d * sizeof value, sizeof value); {target} = {value};', kind)

    def replace(self, name, kind, memory_type):
        width = LANES[memory_type][0]
        self.add('vector_replace', name, ['ss', 'rs', 'sr', 'rr'], 16, 'c', lambda form:
                 operand('a', form[0], 'v128', '$a') + self.scalar('b', kind, form[1], '$b') +
                 f' v0 = REPLACE_LANE({width}, a, ({spread(memory_type, f"({memory_type})b")}), $d);')

    def accesses(self, name, memory_type, body):
        """(name, form, length, body) of each form of a load or a lane's access."""
        for checked in (False, True):
            for form in ('s', 'r', 'n'):
                yield (f'{"checked." if checked else ""}{name}.{form}', 24 if checked else 16,
                       self.table.address(form, memory_type, checked) + body(checked))

    def load(self, name, memory_type, expression):
        def body(_):
            return (f' {memory_type} value; memcpy(&value, address, sizeof value);'
                    f' v0 = (v128)({expression});')
        for form_name, length, text in self.accesses(name, memory_type, body):
            self.table.add_with_result(form_name, length, text, 'v', 'b', 'load')
        self.table.numeric.append((name, 'load', f'{name}.s'))

    def store(self, name):
        self.table.store(name, 'v', 'v128_anywhere')

    # The vector's slot and the lane stand behind everything else that the access has.
    def load_lane(self, name, memory_type):
        width = LANES[memory_type][0]

        def body(checked):
            last = '$wider' if checked else '$wide'
            return (f' {memory_type} value; memcpy(&value, address, sizeof value);'
                    f' uint64_t place = {last};'
                    f' v0 = REPLACE_LANE({width}, SLOT_V128((uint16_t)place), '
                    f'({spread(memory_type, "value")}), place >> 16);')
        for form_name, length, text in self.accesses(name, memory_type, body):
            self.table.add_with_result(form_name, length + 8, text, 'v', 'b', 'load_lane')
        self.table.numeric.append((name, 'load_lane', f'{name}.s'))

    def store_lane(self, name, memory_type):
        def body(checked):
            last = '$wider' if checked else '$wide'
            return (f' uint64_t place = {last};'
                    f' memcpy(address, (const uint8_t *)(fp + (uint16_t)place) + '
                    f'(place >> 16) * sizeof({memory_type}), sizeof({memory_type}));')
        for form_name, length, text in self.accesses(name, memory_type, body):
            self.table.add_plain(form_name, length + 8, text, 'store_lane')
        self.table.numeric.append((name, 'store_lane', f'{name}.s'))

    def parse(self, words):
        """One row, in words; the last parameter takes all that are left."""
        method = getattr(self, words[0][2:])
        count = method.__code__.co_argcount - 1
        method(*words[1:count], ' '.join(words[count:]))
