# SPDX-License-Identifier: Apache-2.0
"""Modules that are valid, and as expensive to load as a module of their size can be.

Each function of KINDS makes one of about so many bytes. What counts in them is the shape; the names
say what would be quadratic, or large, if an engine were careless.
"""

I32, I64, V128, FUNCREF, EXTERNREF, EXNREF, EMPTY = 0x7F, 0x7E, 0x7B, 0x70, 0x6F, 0x69, 0x40
BLOCK, LOOP, IF, ELSE, END, BR, BR_IF, BR_TABLE = 0x02, 0x03, 0x04, 0x05, 0x0B, 0x0C, 0x0D, 0x0E
TRY, CATCH, TRY_TABLE, CALL, DROP = 0x06, 0x07, 0x1F, 0x10, 0x1A
LOCAL_GET, LOCAL_SET, LOCAL_TEE, GLOBAL_GET = 0x20, 0x21, 0x22, 0x23
I32_CONST, I32_CLZ, I32_ADD, REF_NULL, REF_FUNC = 0x41, 0x67, 0x6A, 0xD0, 0xD2
SUB, GROUP, STRUCT, FUNCTION = 0x50, 0x4E, 0x5F, 0x60

KINDS = {}


def kind(maker):
    """Enters a function that makes a module."""
    KINDS[maker.__name__.replace("_", " ")] = maker
    return maker


def leb(number):
    """Unsigned LEB128."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def sleb(number):
    """Signed LEB128."""
    out = bytearray()
    while not -64 <= number < 64:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number & 0x7F)
    return bytes(out)


def vector(items):
    """A list of things."""
    items = list(items)
    return leb(len(items)) + b"".join(items)


def function_type(parameters=(), results=()):
    """A function type of one-byte types."""
    return bytes([FUNCTION]) + vector(bytes([t]) for t in parameters) \
        + vector(bytes([t]) for t in results)


def body(code, groups=()):
    """A function's body; groups of locals are pairs of number and type."""
    content = vector(leb(count) + bytes([t]) for count, t in groups) + code + bytes([END])
    return leb(len(content)) + content


def module(**sections):
    """A module of sections, each given as its content."""
    ids = {"types": 1, "imports": 2, "functions": 3, "tables": 4, "memories": 5, "tags": 13,
           "globals": 6, "exports": 7, "elements": 9, "datacount": 12, "code": 10, "data": 11,
           "custom": 0}
    out = bytearray(b"\0asm\1\0\0\0")
    for name, number in ids.items():
        if name in sections:
            out += bytes([number]) + leb(len(sections[name])) + sections[name]
    return bytes(out)


def code_module(code, groups=(), types=(), **sections):
    """A module with one function of type 0, [] -> []."""
    return module(types=vector([function_type(), *types]), functions=vector([leb(0)]),
                  code=vector([body(code, groups)]), **sections)


def times(size, item):
    """As many of these bytes as make the size."""
    return item * (size // len(item))


# --- nesting ---

def nested(size, begin, end):
    """One function of as many blocks inside each other."""
    depth = min(size // len(begin + end), 900000)
    return code_module(begin * depth + end * depth)


@kind
def nested_blocks(size):
    return nested(size, bytes([BLOCK, EMPTY]), bytes([END]))


@kind
def nested_loops(size):
    return nested(size, bytes([LOOP, EMPTY]), bytes([END]))


@kind
def nested_ifs(size):
    return nested(size, bytes([I32_CONST, 0, IF, EMPTY]), bytes([ELSE, END]))


@kind
def nested_try_tables(size):
    return nested(size, bytes([TRY_TABLE, EMPTY, 1, 2, 0]), bytes([END]))


@kind
def nested_legacy_tries(size):
    return nested(size, bytes([TRY, EMPTY]), bytes([0x19, END]))


@kind
def branches_out_of_deep_nesting(size):
    depth = size // 14
    jumps = b"".join(bytes([I32_CONST, 0, BR_IF]) + leb(i) for i in range(0, depth, 2))
    return code_module(bytes([BLOCK, EMPTY]) * depth + jumps + bytes([END]) * depth)


# --- label tables ---

@kind
def one_label_table(size):
    depth = 100000
    labels = vector(leb(i % depth) for i in range(size // 3))
    return code_module(bytes([BLOCK, EMPTY]) * depth + bytes([I32_CONST, 0, BR_TABLE]) + labels
                       + leb(0) + bytes([END]) * depth)


@kind
def label_tables_with_many_values(size):
    values, labels = 1000, 100
    many = function_type(results=[I32] * values)
    table = bytes([I32_CONST, 1]) * values + bytes([I32_CONST, 0, BR_TABLE]) \
        + vector(leb(i) for i in range(labels)) + leb(0)
    block = bytes([BLOCK]) + sleb(1)
    one = block * labels + table + bytes([END]) * labels + bytes([DROP]) * values
    return code_module(times(size, one), types=[many])


# --- locals ---

@kind
def functions_of_50000_locals(size):
    groups = [(20000, I32), (10000, EXTERNREF), (20000, I64)]
    one = body(bytes([LOCAL_GET]) + leb(49999) + bytes([DROP]), groups)
    return module(types=vector([function_type()]), functions=vector([leb(0)] * (size // len(one))),
                  code=vector([one] * (size // len(one))))


@kind
def functions_of_30000_vectors(size):
    one = body(bytes([LOCAL_GET]) + leb(29999) + bytes([DROP]), [(30000, V128)])
    return module(types=vector([function_type()]), functions=vector([leb(0)] * (size // len(one))),
                  code=vector([one] * (size // len(one))))


@kind
def alternating_locals(size):
    groups = [(1, I32), (1, V128)] * 20000
    uses = b"".join(bytes([LOCAL_GET]) + leb(i * 7919 % 40000) + bytes([DROP])
                    for i in range(max(1, (size - 80000) // 4)))
    return code_module(uses, groups=groups)


@kind
def groups_of_no_locals(size):
    return code_module(b"", groups=[(0, I32)] * (size // 2))


@kind
def locals_set_in_many_blocks(size):
    one = bytes([BLOCK, EMPTY, REF_FUNC, 0, LOCAL_SET, 0, LOCAL_GET, 0, DROP, END])
    content = vector([leb(1) + bytes([0x64, FUNCREF])]) + times(size, one) + bytes([END])
    return module(types=vector([function_type()]), functions=vector([leb(0)]),
                  exports=vector([vector([b"f"]) + bytes([0, 0])]),
                  code=vector([leb(len(content)) + content]))


# --- definitions ---

@kind
def tiny_functions(size):
    count = size // 4
    return module(types=vector([function_type()]), functions=vector([leb(0)] * count),
                  code=vector([body(b"")] * count))


@kind
def tiny_types(size):
    letters = [I32, I64, 0x7D, 0x7C, V128, FUNCREF, EXTERNREF]
    def one(number):
        digits = []
        while number:
            digits.append(letters[number % 7])
            number //= 7
        return function_type(digits)
    return module(types=vector(one(i) for i in range(min(size // 9, 1000000))))


@kind
def equal_types(size):
    return module(types=vector([function_type([I32], [I32])] * min(size // 5, 1000000)))


def group_of(count, last):
    """A recursion group of structures, each with a reference to the next; the last one differs."""
    members = [bytes([STRUCT]) + vector([bytes([0x63]) + leb((i + 1) % count) + b"\0"])
               for i in range(count - 1)]
    members.append(bytes([STRUCT]) + vector([bytes([last, 0])]))
    return bytes([GROUP]) + vector(members)


@kind
def equal_recursion_groups(size):
    one = group_of(60, I32)
    return module(types=vector([one] * (size // len(one))))


@kind
def one_recursion_group(size):
    count = min(size // 7, 900000)
    members = [bytes([STRUCT]) + vector([bytes([0x63]) + sleb((i * 7919) % count) + b"\0"])
               for i in range(count)]
    return module(types=vector([bytes([GROUP]) + vector(members)]))


@kind
def long_subtype_chains(size):
    """Chains of 64 types, and a function that passes the lowest where the topmost is wanted."""
    chain = [bytes([SUB, 0, FUNCTION, 0, 0])]
    chain += [bytes([SUB]) + vector([leb(i)]) + bytes([FUNCTION, 0, 0]) for i in range(63)]
    take = bytes([FUNCTION, 1, 0x64, 0, 0])
    call = bytes([LOCAL_GET, 0, CALL, 0])
    content = vector([]) + times(size, call) + bytes([END])
    give = bytes([FUNCTION, 1, 0x64]) + sleb(63) + bytes([0])
    return module(types=vector([*chain, take, give]),
                  functions=vector([leb(64), leb(65)]),
                  code=vector([body(b""), leb(len(content)) + content]))


@kind
def blocks_of_deep_subtypes(size):
    """Blocks whose parameters are 63 steps below their results."""
    chain = [bytes([SUB, 0, FUNCTION, 0, 0])]
    chain += [bytes([SUB]) + vector([leb(i)]) + bytes([FUNCTION, 0, 0]) for i in range(63)]
    low, high = bytes([0x63]) + sleb(63), bytes([0x63, 0])
    block = bytes([FUNCTION]) + vector([low] * 16) + vector([high] * 16)
    code = bytes([REF_NULL]) + sleb(63)
    content = vector([]) + code * 16 + times(size, bytes([BLOCK]) + sleb(64) + bytes([END])) \
        + bytes([DROP]) * 16 + bytes([END])
    return module(types=vector([*chain, block, function_type()]), functions=vector([leb(65)]),
                  code=vector([leb(len(content)) + content]))


@kind
def types_at_the_ends_of_chains(size):
    """Each type extends one at depth 62, with functions that match through as many chains."""
    types = [bytes([SUB, 0, STRUCT, 0])]
    types += [bytes([SUB]) + vector([leb(i)]) + bytes([STRUCT, 0]) for i in range(62)]
    wide = [bytes([SUB, 0, STRUCT]) + vector([bytes([0x63, 0, 0])] * 1000)]
    below = bytes([SUB]) + vector([leb(63)]) + bytes([STRUCT])
    below += vector([bytes([0x63]) + sleb(62) + b"\0"] * 1000)
    return module(types=vector(types + wide + [below] * (size // len(below))))


@kind
def imports(size):
    items = [vector([b"%07d" % i]).replace(b"\1", b"\7", 1) for i in range(min(size // 12, 10**6))]
    return module(types=vector([function_type()]),
                  imports=vector(b"\1m" + item + b"\0\0" for item in items))


@kind
def exports(size):
    count = min(size // 10, 2 * 10**6)
    return module(types=vector([function_type()]), functions=vector([leb(0)]),
                  exports=vector(b"\7%07d\0\0" % i for i in range(count)),
                  code=vector([body(b"")]))


@kind
def global_variables(size):
    one = bytes([I32, 1, I32_CONST, 1, END])
    return module(globals=vector([one] * min(size // len(one), 10**6)))


@kind
def globals_of_globals(size):
    count = min(size // 7, 10**6)
    items = [bytes([I32, 0, I32_CONST, 1, END])]
    items += [bytes([I32, 0, GLOBAL_GET]) + leb(i) + bytes([END]) for i in range(count)]
    return module(globals=vector(items))


@kind
def tags(size):
    return module(types=vector([function_type()]), tags=vector([b"\0\0"] * min(size // 2, 10**6)))


@kind
def tables(size):
    return module(tables=vector([bytes([FUNCREF, 0, 1])] * min(size // 3, 10000)))


# --- segments ---

@kind
def data_segments(size):
    one = bytes([0, I32_CONST, 0, END, 1, 7])
    return module(memories=vector([b"\0\1"]), data=vector([one] * min(size // len(one), 10**6)))


@kind
def element_segments(size):
    one = bytes([0, I32_CONST, 0, END, 1, 0])
    return module(types=vector([function_type()]), functions=vector([leb(0)]),
                  tables=vector([bytes([FUNCREF, 0, 1])]),
                  elements=vector([one] * (size // len(one))), code=vector([body(b"")]))


@kind
def passive_element_segments(size):
    return module(elements=vector([bytes([1, 0, 0])] * (size // 3)))


@kind
def element_indices(size):
    return module(types=vector([function_type()]), functions=vector([leb(0)]),
                  elements=vector([bytes([1, 0]) + leb(size) + bytes(size)]),
                  code=vector([body(b"")]))


@kind
def element_expressions(size):
    one = bytes([REF_FUNC, 0, END])
    items = leb(size // len(one)) + times(size, one)
    return module(types=vector([function_type()]), functions=vector([leb(0)]),
                  elements=vector([bytes([5, FUNCREF]) + items]), code=vector([body(b"")]))


@kind
def long_constant_expression(size):
    one = bytes([I32_CONST, 1, I32_ADD])
    return module(globals=vector([bytes([I32, 0, I32_CONST, 1]) + times(size, one)
                                  + bytes([END])]))


@kind
def custom_sections(size):
    return b"\0asm\1\0\0\0" + bytes([0, 2, 1, 97]) * min(size // 4, 10**6)


@kind
def names_of_functions(size):
    names = vector(leb(i) + b"\7%07d" % i for i in range(size // 11))
    content = b"\4name" + bytes([1]) + leb(len(names)) + names
    return module(custom=content)


# --- code ---

@kind
def unary_operations(size):
    return code_module(bytes([I32_CONST, 1]) + times(size, bytes([I32_CLZ])) + bytes([DROP]))


@kind
def dead_code(size):
    return code_module(bytes([0x00]) + times(size, bytes([I32_ADD, DROP])))


@kind
def calls_of_a_thousand_values(size):
    many = function_type([I32] * 1000, [I32] * 1000)
    content = vector([]) + b"".join(bytes([LOCAL_GET]) + leb(i) for i in range(1000))
    content += times(size, bytes([CALL, 0])) + bytes([END])
    return module(types=vector([many]), functions=vector([leb(0)]),
                  code=vector([leb(len(content)) + content]))


def blocks_of_values(size, count, locals_between):
    """Blocks of so many parameters and results, perhaps with something to move into the homes."""
    many = function_type([I32] * count, [I32] * count)
    push = b"".join(bytes([LOCAL_GET, 0]) for i in range(count))
    one = bytes([BLOCK]) + sleb(1) + bytes([END])
    if locals_between:
        one = bytes([BLOCK]) + sleb(1) + bytes([LOCAL_GET, 0, BR_IF, 0, END])
    return code_module(push + times(size, one) + bytes([DROP]) * count, groups=[(1, I32)],
                       types=[many])


@kind
def blocks_of_a_thousand_values(size):
    return blocks_of_values(size, 1000, False)


@kind
def branches_of_a_thousand_values(size):
    return blocks_of_values(size, 1000, True)


@kind
def blocks_above_a_deep_stack(size):
    push = bytes([LOCAL_GET, 0]) * 60000
    return code_module(push + times(size, bytes([BLOCK, EMPTY, LOCAL_GET, 0, DROP, END]))
                       + bytes([DROP]) * 60000, groups=[(1, I32)])


@kind
def conditional_results(size):
    many = function_type([], [I32] * 500)
    one = bytes([I32_CONST, 0, IF]) + sleb(1) + bytes([LOCAL_GET, 0]) * 500 + bytes([ELSE]) \
        + bytes([LOCAL_GET, 0]) * 500 + bytes([END]) + bytes([DROP]) * 500
    return code_module(times(size, one), groups=[(1, I32)], types=[many])


@kind
def references_at_calls(size):
    """As many live references as fit, at as many calls."""
    live = 1000
    one = bytes([REF_NULL, EXTERNREF]) * live + bytes([CALL, 0]) * 1000 + bytes([DROP]) * live
    return code_module(times(size, one))


@kind
def references_at_landings(size):
    """As many live references as fit, at as many clauses of try blocks that want the exception."""
    live = 1000
    caught = bytes([BLOCK, EXNREF, TRY_TABLE, EMPTY, 1, 3, 0, END, REF_NULL, EXNREF, END, DROP])
    one = bytes([REF_NULL, EXTERNREF]) * live + caught * 300 + bytes([DROP]) * live
    return code_module(times(size, one))


@kind
def legacy_catches(size):
    one = bytes([TRY, EMPTY]) + bytes([CATCH, 0]) * 1000 + bytes([END])
    return code_module(times(size, one), tags=vector([b"\0\0"]))


@kind
def clauses_of_one_try(size):
    clauses = leb(size // 3) + bytes([0, 0, 0]) * (size // 3)
    return code_module(bytes([BLOCK, EMPTY, TRY_TABLE, EMPTY]) + clauses + bytes([END, END]),
                       tags=vector([b"\0\0"]))


@kind
def clauses_of_a_thousand_values(size):
    many = function_type([I32] * 1000)
    results = function_type([], [I32] * 1000)
    clauses = leb(size // 3) + bytes([0, 0, 0]) * (size // 3)
    code = bytes([BLOCK]) + sleb(2) + bytes([TRY_TABLE, EMPTY]) + clauses + bytes([END])
    code += bytes([I32_CONST, 0]) * 1000 + bytes([END]) + bytes([DROP]) * 1000
    return code_module(code, types=[many, results], tags=vector([b"\0\1"]))


@kind
def types_of_select(size):
    one = bytes([I32_CONST, 1, I32_CONST, 1, I32_CONST, 0, 0x1C, 1, I32, DROP])
    return code_module(times(size, one))
