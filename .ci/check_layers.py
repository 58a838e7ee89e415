#!/usr/bin/env python3
"""Checks which folder includes which, and a few names that belong to one file only.

usage: check_layers.py [ROOT] | --self-test

Exit code 1 and one line `file:line: what` for each violation. The rules are docs/architecture.md's:
core <- collectives <- tensor_fusion <- frontends, each seeing only what is to its left.
"""

import os
import re
import sys
import tempfile

LAYERS = ["core", "collectives", "tensor_fusion", "frontends"]
EVERYTHING = ["bench", "tests", "examples"]
FOLDERS = LAYERS + ["launcher"] + EVERYTHING
SUFFIXES = (".h", ".hpp", ".c", ".cc", ".cu", ".cuh")

# The most specific folder decides; the value lists the path prefixes that it may include.
ALLOWED = {
    "core/base": ["core/base/"],
    "core/device": ["core/base/", "core/device/"],
    "core/comm": ["core/base/", "core/device/", "core/comm/"],
    "core": ["core/"],
    "collectives": ["core/", "collectives/"],
    "tensor_fusion": ["core/", "collectives/", "tensor_fusion/"],
    "frontends": [layer + "/" for layer in LAYERS],
    "launcher": ["core/base/", "core/comm/topology", "launcher/"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CONDITION = re.compile(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b(.*)")
FEATURE = re.compile(r"\b(?:RONDE_\w+|(?:\w+_)?(?:HAVE|HAS|WITH|USE|ENABLE)_\w+)\b")
# Reserved names are the compiler's own; these are a library's export decoration and include guards.
NOT_A_FEATURE = re.compile(
    r"^(?:_.*|RONDE_API|RONDE_EXPORT|RONDE_VERSION|RONDE_BUILDING_\w+|RONDE_(?:\w+_)?H_?)$")
GETENV = re.compile(r"\b(?:secure_)?getenv\s*\(")
GETENV_HOME = re.compile(r"^core/base/(?:config|environment)[^/]*\.cc$")


def blank_comments_and_strings(text):
    """Replaces them by blanks, except in #include lines; line numbers stay."""
    token = re.compile(
        r'(?P<include>^[ \t]*#[ \t]*include[^\n]*)|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
        r"|'(?:\\.|[^'\\\n])'", re.S | re.M)

    def blank(match):
        if match.group("include"):
            return match.group(0)
        return re.sub(r"[^\n]", " ", match.group(0))

    return token.sub(blank, text)


def rule_for(path):
    """The (folder, allowed prefixes) of `path`, or None where everything is allowed."""
    for folder in sorted(ALLOWED, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return folder, ALLOWED[folder]
    return None


def check_include(root, path, target, quoted):
    is_ours = target.split("/")[0] in FOLDERS and "/" in target
    if re.match(r"mpi(-ext)?\.h$", target):
        name = os.path.basename(path)
        # Tests hold foreign MPI programs, which are what the launcher has to cope with.
        if not name.startswith("mpi") and not path.startswith("tests/"):
            return "includes mpi.h; only files named mpi* may"
        return None
    if quoted and not is_ours:
        beside = os.path.normpath(os.path.join(root, os.path.dirname(path), target))
        if os.path.exists(beside):
            return f'includes "{target}" relative to itself; write the path from the root'
        return None
    rule = rule_for(path)
    if not is_ours or rule is None:
        return None
    folder, allowed = rule
    if not any(target.startswith(prefix) for prefix in allowed):
        return f"{folder} may not include {target} (only {', '.join(allowed)})"
    return None


def check_condition(condition):
    for name in FEATURE.findall(condition):
        if not NOT_A_FEATURE.match(name):
            return f"conditional on {name}; let CMake choose a file instead"
    return None


def check_file(root, path):
    """Yields (line, message)."""
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        lines = blank_comments_and_strings(file.read()).split("\n")
    may_getenv = bool(GETENV_HOME.match(path)) or path.split("/")[0] in EVERYTHING
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        condition = CONDITION.match(line)
        message = None
        if include:
            message = check_include(root, path, include.group(2), include.group(1) == '"')
        elif condition:
            message = check_condition(condition.group(1))
        elif GETENV.search(line) and not may_getenv:
            message = "getenv; settings come from core/base/config"
        if message:
            yield number, message


def check_tree(root):
    """Returns (number of files, violations as text)."""
    count, violations = 0, []
    for folder in FOLDERS:
        for where, _, names in sorted(os.walk(os.path.join(root, folder))):
            for name in sorted(names):
                if not name.endswith(SUFFIXES):
                    continue
                count += 1
                path = os.path.relpath(os.path.join(where, name), root)
                violations += [f"{path}:{line}: {what}" for line, what in check_file(root, path)]
    return count, violations


SELF_TEST = {  # path: (text, the lines that must be reported)
    "core/base/status.cc": ('#include "core/base/status.h"\n#include "core/comm/comm.h"\n', [2]),
    "core/base/config_environment.cc": ('auto v = std::getenv("X");\n', []),
    "core/comm/a.cc": ('#include "core/control/engine.h"\n#include <mpi.h>\n', [1, 2]),
    "core/comm/transports/mpi.cc": ('#include <mpi.h>\n', []),
    "core/control/a.cc": ('#include "core/comm/a.h"\n#include "collectives/selector.h"\n', [2]),
    "collectives/ring.cc": ('#include "core/base/a.h"\n#include "tensor_fusion/b.h"\n', [2]),
    "tensor_fusion/a.cc": ('#include <frontends/session/s.h>\n', [1]),
    "tensor_fusion/b.cc": ('// #include "frontends/a.h"\n/*\n#include "frontends/a.h" */\n', []),
    "frontends/a.cc": ('#include "collectives/a.h"\n#include "launcher/a.h"\n', [2]),
    "launcher/a.cc": ('#include "core/comm/topology.h"\n#include "core/comm/comm.h"\n', [2]),
    "launcher/b.cc": ('#include "a.cc"\n#include "nlohmann/json.hpp"\n', [1]),
    "core/device/a.cc": ('#ifdef HAVE_CUDA\n#endif\n#if defined(RONDE_MPI)\n#endif\n', [1, 3]),
    "core/device/b.h": ('#ifdef __AVX2__\n#endif\n#ifdef __cplusplus\n#endif\n', []),
    "core/device/c.cc": ('auto a = getenv("X");  // getenv\nauto b = "getenv(";\n', [1]),
    "tests/a_test.cc": ('#include "launcher/a.h"\nauto v = getenv("X");\n', []),
}


def self_test():
    with tempfile.TemporaryDirectory() as root:
        for path, (text, _) in SELF_TEST.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        failures = 0
        for path, (_, expected) in SELF_TEST.items():
            got = [line for line, _ in check_file(root, path)]
            if got != expected:
                failures += 1
                print(f"{path}: expected violations at lines {expected}, got {got}")
        _, violations = check_tree(root)
        if len(violations) != sum(len(lines) for _, lines in SELF_TEST.values()):
            failures += 1
            print("the tree's violations are not the files' violations")
    print(f"check_layers self-test: {len(SELF_TEST)} files, {failures} failures")
    return 1 if failures else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    count, violations = check_tree(arguments[0] if arguments else here)
    for violation in violations:
        print(violation)
    print(f"layers: {count} files, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
