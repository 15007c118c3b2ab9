# SPDX-License-Identifier: Apache-2.0
"""The source files of the repository, and the few facts about their text that the checks share."""
import ast
import functools
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
C_SUFFIXES = (".c", ".cc", ".h")


@functools.cache
def all_files() -> list[str]:
    """What git tracks, and new files it would; in an unpacked archive, everything but build directories."""
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return sorted(path for path in set(listed.stdout.splitlines()) if (ROOT / path).is_file())
    found = []
    for directory, names, files in os.walk(ROOT):
        names[:] = [name for name in names if not name.startswith("build") and name not in (".git", "__pycache__")]
        found += [os.path.relpath(os.path.join(directory, name), ROOT) for name in files]
    return sorted(found)


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def c_files() -> list[str]:
    return [path for path in all_files() if path.endswith(C_SUFFIXES)]


def script_files() -> list[str]:
    """Python, and whatever starts with #!."""
    def is_script(path: str) -> bool:
        return path.endswith(".py") or (not path.startswith("tests/fuzz/corpus/")
                                        and (ROOT / path).read_bytes()[:2] == b"#!")
    return [path for path in all_files() if not path.endswith(C_SUFFIXES) and is_script(path)]


def python_files() -> list[str]:
    return [path for path in script_files() if path.endswith(".py") or "python" in text_of(path).split("\n", 1)[0]]


_include = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)


def includes_of(text: str) -> list[tuple[str, str]]:
    """('"' or '<', name) of each #include."""
    return _include.findall(text)


# Longest first: a raw string, a comment, a string, a character (but no digit separator).
_opaque = re.compile(r'R"(?P<mark>[^()\s]*)\(.*?\)(?P=mark)"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])*\'',
                     re.DOTALL)
_directive = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)


def _blank(match: re.Match) -> str:
    return "\n" * match[0].count("\n")


_type_or_namespace = re.compile(r"\b(namespace|class|struct|union|enum)\b[^()=]*$|\bextern\s*$")

_goes_on = re.compile(r"\s*[,{]")


def c_functions(text: str) -> list[tuple[int, int]]:
    """(first line, number of lines) of each function body's definition, lambdas and methods within another included in
    that one. Braces decide: one that follows a parameter list outside of every function opens a function."""
    text = _directive.sub(_blank, _opaque.sub(_blank, text))
    functions, scopes, head_start, depth_in_function, begin = [], [], 0, 0, 0
    for match in re.finditer(r"[{};]", text):
        at, mark = match.start(), match[0]
        if depth_in_function:
            depth_in_function += {"{": 1, "}": -1}.get(mark, 0)
            # A brace that initialises a member; the body is still to come.
            if depth_in_function == 0 and not _goes_on.match(text, at + 1):
                first = begin + len(text[begin:]) - len(text[begin:].lstrip())
                functions.append((text.count("\n", 0, first) + 1, text.count("\n", first, at) + 1))
                head_start = at + 1
            continue
        head = text[head_start:at]
        if mark == "{" and ")" in head and not _type_or_namespace.search(head):
            depth_in_function, begin = 1, head_start
            continue
        if mark == "{":
            scopes.append(at)
        elif mark == "}" and scopes:
            scopes.pop()
        head_start = at + 1
    return functions


def python_functions(text: str) -> list[tuple[int, int]]:
    return [(node.lineno, node.end_lineno - node.lineno + 1) for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
