#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A BPF object as a C++ array, so that a program carries its own and cannot meet another version's at run time.

embed_object.py NAME OBJECT OUTPUT: defines `extern "C" const unsigned char sluice_NAME_object[]` and its `_bytes`."""
import sys


def main() -> None:
    name, source, target = sys.argv[1:]
    with open(source, "rb") as file:
        content = file.read()
    rows = (", ".join(map(str, content[at:at + 32])) for at in range(0, len(content), 32))
    with open(target, "w", encoding="ascii") as file:
        file.write(f'extern "C" {{\nextern const unsigned char sluice_{name}_object[];\n'
                   f"extern const unsigned long sluice_{name}_object_bytes;\n"
                   # libelf reads the object where it lies
                   f"alignas(16) const unsigned char sluice_{name}_object[] = {{\n" + ",\n".join(rows) + "};\n"
                   f"const unsigned long sluice_{name}_object_bytes = {len(content)};\n}}\n")


main()
