# SPDX-License-Identifier: Apache-2.0
"""Lengths, licence lines, white space, no path of anybody's machine."""
import re

import tree

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
# Text that is not ours to format: licences, captured or generated data.
FOREIGN = ("LICENSE", "LICENSES/", "tests/fuzz/corpus/", "tests/config/bad/")
DUAL = "SPDX-License-Identifier: GPL-2.0 OR Apache-2.0"
SINGLE = "SPDX-License-Identifier: Apache-2.0"
# In pieces, so that this file does not say them.
MACHINE_PATH = re.compile("/(?:" + "|".join(("wo" + "rk", "fa" + "rm", "ho" + "me", "ro" + "ot", "tmp/" + "w")) + ")/")


def long_functions(functions: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(line, lines) for line, lines in functions if lines > FUNCTION_LINES_MAX]


def test_functions_are_short():
    wrong = [f"{path}:{line}: {lines} lines" for path in tree.c_files()
             for line, lines in long_functions(tree.c_functions(tree.text_of(path)))]
    wrong += [f"{path}:{line}: {lines} lines" for path in tree.python_files()
              for line, lines in long_functions(tree.python_functions(tree.text_of(path)))]
    assert not wrong, "\n".join(wrong)


def test_files_are_short():
    lines = {path: tree.text_of(path).count("\n") for path in tree.c_files() + tree.script_files()}
    assert {path: count for path, count in lines.items() if count > FILE_LINES_MAX} == {}


def test_functions_are_counted():
    body = "  int x = 0;\n"
    plain = "namespace a {\nstruct B { int c; };\nint f(int a) {\n" + body * 70 + "}\n}  // namespace a\n"
    assert tree.c_functions(plain) == [(3, 72)]
    method = 'class A {\n public:\n  explicit A(int b)\n      : b_(b) {\n    const char* t = "}{";  // }\n  }\n};\n'
    assert tree.c_functions(method) == [(2, 5)]  # with the access specifier before it
    assert tree.c_functions("A::A(int b)\n    : b_{b}, c_{} {\n  d();\n}\nvoid e() {}\n") == [(1, 4), (5, 1)]
    assert tree.c_functions("#define F(x) \\\n  { x; }\nint v[] = {1, 2};\nenum class E { a };\n") == []
    assert [lines for _, lines in tree.c_functions("void f() { g([] { h(); }); }\nvoid k() {\n}\n")] == [1, 2]
    assert len(tree.c_functions('TEST(A, b) {\n  s = R"(\n{\n)";\n  int n = 1\'000;\n}\nTEST(A, c) {}\n')) == 2
    assert tree.python_functions("def f():\n    a = 1\n    return a\n") == [(1, 3)]
    assert long_functions([(1, FUNCTION_LINES_MAX + 1), (9, FUNCTION_LINES_MAX)]) == [(1, FUNCTION_LINES_MAX + 1)]


def test_every_file_names_its_licence():
    wrong = []
    for path in tree.c_files() + tree.script_files():
        head = "\n".join(tree.text_of(path).split("\n")[:2])
        # The kernel accepts GPL-only helpers only from what is under the GPL too.
        kernel_side = path.startswith(("bpf/", "dataplane/abi/")) and path.endswith((".c", ".h")) or path.endswith(".bpf.c")
        if (DUAL if kernel_side else SINGLE) not in head:
            wrong.append(path)
    assert not wrong, "\n".join(wrong)


def test_white_space_and_paths():
    wrong = []
    for path in tree.all_files():
        if path.startswith(FOREIGN):
            continue
        for number, line in enumerate(tree.text_of(path).split("\n"), 1):
            if "\t" in line or line != line.rstrip() or MACHINE_PATH.search(line):
                wrong.append(f"{path}:{number}: {line!r}")
    assert not wrong, "\n".join(wrong)
