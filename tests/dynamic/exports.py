#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""exports.py SIDE...: what a static main module has to export for these side modules, as arguments
of its link, a line each (for a response file). The linker then also takes it out of archives, but
for what the side modules can do without."""
import sys

PROVIDED = {"memory", "__indirect_function_table", "__memory_base", "__table_base"}
CUSTOM, IMPORT, EXPORT = 0, 2, 7
IMPORT_INFO, WEAK = 4, 1


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def bytes(self):
        length = self.number()
        self.at += length
        return self.data[self.at - length:self.at]

    def name(self):
        return self.bytes().decode()

    def limits(self):
        flags = self.byte()
        self.number()
        if flags & 1:
            self.number()


def sections(data):
    reader = Reader(data)
    reader.at = 8
    while reader.at < len(data):
        yield reader.byte(), reader.bytes()


def imports(content):
    reader = Reader(content)
    for _ in range(reader.number()):
        module, name, kind = reader.name(), reader.name(), reader.byte()
        if module in ("env", "GOT.mem", "GOT.func"):
            yield name
        if kind == 0:  # a function
            reader.number()
        elif kind == 1:  # a table
            reader.byte()
            reader.limits()
        elif kind == 2:  # a memory
            reader.limits()
        elif kind == 3:  # a global
            reader.byte()
            reader.byte()
        else:  # a tag
            reader.byte()
            reader.number()


def exports(content):
    reader = Reader(content)
    for _ in range(reader.number()):
        yield reader.name()
        reader.byte()
        reader.number()


def weak(content):
    reader = Reader(content)
    if reader.name() != "dylink.0":
        return
    while reader.at < len(content):
        kind, subsection = reader.byte(), Reader(reader.bytes())
        for _ in range(subsection.number() if kind == IMPORT_INFO else 0):
            _, name, flags = subsection.name(), subsection.name(), subsection.number()
            if flags & WEAK:
                yield name


def main():
    wanted, given, optional = set(), set(PROVIDED), set()
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            for section, content in sections(file.read()):
                if section == IMPORT:
                    wanted.update(imports(content))
                elif section == EXPORT:
                    given.update(exports(content))
                elif section == CUSTOM:
                    optional.update(weak(content))
    for name in sorted(wanted - given):
        print(f"-Wl,--export{'-if-defined' if name in optional else ''}={name}")


if __name__ == "__main__":
    main()
