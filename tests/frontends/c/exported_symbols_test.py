#!/usr/bin/env python3
"""What libronde.so exports of the C API is what ronde.h declares, under its version, and the C test
calls all of it.

    exported_symbols_test.py HEADER LIBRARY FOLDER_OF_THE_C_TESTS
"""

import pathlib
import re
import subprocess
import sys
import unittest

NODE = re.compile(r"RONDE_\d+\.\d+$")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def declared_functions(header):
    text = without_comments(header.read_text())
    return set(re.findall(r"\b(ronde_\w+)\s*\([^;{}]*\)\s*RONDE_NOEXCEPT\s*;", text))


def exported_functions(library):
    """Name -> version node, "" where it has none."""
    lines = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library],
                           capture_output=True, text=True, check=True).stdout.splitlines()
    symbols = (line.split()[-1] for line in lines)
    versions = (symbol.partition("@@") for symbol in symbols if symbol.startswith("ronde_"))
    return {name: version for name, _, version in versions}


class ExportedSymbols(unittest.TestCase):
    def test_every_declared_function_is_exported_under_a_version(self):
        for name in sorted(declared):
            with self.subTest(name):
                self.assertRegex(exported.get(name, "not exported"), NODE)

    def test_nothing_else_of_that_name_is_exported(self):
        self.assertEqual(sorted(set(exported) - declared), [])

    def test_the_library_has_a_version_of_its_interface(self):
        dynamic = subprocess.run(["readelf", "-d", library], capture_output=True, text=True,
                                 check=True).stdout
        self.assertRegex(dynamic, r"SONAME.*\[libronde\.so\.\d+\]")

    def test_the_c_test_uses_every_function(self):
        text = without_comments("".join(path.read_text() for path in tests.glob("*.c")))
        unused = sorted(name for name in declared if not re.search(rf"\b{name}\s*\(", text))
        self.assertEqual(unused, [])

    def test_the_header_declares_functions(self):
        self.assertIn("ronde_init", declared)
        self.assertGreater(len(declared), 50)


if __name__ == "__main__":
    tests = pathlib.Path(sys.argv.pop())
    library = sys.argv.pop()
    declared = declared_functions(pathlib.Path(sys.argv.pop()))
    exported = exported_functions(library)
    unittest.main()
