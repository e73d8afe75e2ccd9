"""Each check of run.py on an example that it must find, and on its neighbours that it must leave alone."""
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import run  # noqa: E402
from run import Source  # noqa: E402


def found(check, text, *more, path="src/oci/example.cpp"):
    return len(list(check([Source(path, text)], *more)))


def test_layers():
    granted = run.read_layers("# a comment\nbase :\nsys : base\noci : base sys\n")
    assert found(run.layers, '#include "net/port.h"\n', granted) == 1
    assert found(run.layers, '#include "sys/file.h"\n#include "oci/create.h"\n#include <net/if.h>\n', granted) == 0
    assert found(run.layers, '#include "oci/create.h"\n', granted, path="src/sys/example.cpp") == 1


@pytest.mark.parametrize("code, complaints", [
    ("    if (::mount(a, b, c, 0, d) != 0) return;\n", 1),
    ("    return umount2(path, MNT_DETACH);\n", 1),
    ("    long r = syscall(SYS_openat2, 1);\n", 1),
    ("    plan.mount(a);\n    sys::Mount::open_tree(a);\n    plan->unshare(b);\n", 0),
    ("Result<void> mount(Plan const& plan) {\n", 0),
    ("    // mount(a) would follow links\n    log(\"unshare(2)\");\n", 0),
])
def test_raw_system_calls(code, complaints):
    assert found(run.raw_system_calls, code) == complaints
    assert found(run.raw_system_calls, code, path="src/sys/example.cpp") == 0


@pytest.mark.parametrize("code, complaints", [
    ("    return Record{name, TRY(read(a))};\n", 1),
    ("    std::vector<Fd> fds = {first, TRY(open(a))};\n", 1),
    ("    Step step{.name = name,\n              .from = TRY(open(a))};\n", 1),
    ("    Record record{TRY(read(a))};\n", 0),
    ("Result<void> f(int a, int b) {\n    TRY(read(a));\n}\n", 0),
    ("    if (a) {\n        auto b = TRY(read(a, c));\n    }\n", 0),
    ("    auto f = [&](int a, int b) -> Result<int> { return TRY(read(a, b)); };\n", 0),
])
def test_try_in_braces(code, complaints):
    assert found(run.try_in_braces, code) == complaints


def test_sizes():
    assert found(run.sizes, "\n" * (run.LONGEST_FILE + 1)) == 1
    assert found(run.sizes, "\n" * (run.LONGEST_FILE - 1)) == 0
    body = "    work();\n"
    assert found(run.sizes, "void f() {\n" + body * (run.LONGEST_FUNCTION + 1) + "}\n") == 1
    assert found(run.sizes, "namespace x {\nvoid f() {\n" + body * 40 + "}\nvoid g() {\n" + body * 40 + "}\n}\n") == 0


def test_names():
    assert found(run.names, "", path="src/oci/mount_helpers.cpp") == 1
    assert found(run.names, "", path="src/base/util.h") == 1
    assert found(run.names, "", path="src/oci/mount_plan.cpp") == 0


def test_words():
    assert found(run.words, "// see issue 12 for the reason\n") == 1
    assert found(run.words, "// as the brief asks\n") == 1
    assert found(run.words, "// a login session's scope; that is an issue of the kernel\n") == 0


def test_options():
    text = "run\t--name\nrun\t--a-option-that-nobody-wrote-down\n"
    complaints = list(run.options({"bolt": text}))
    assert complaints == ["bolt run: --a-option-that-nobody-wrote-down is not in man/bolt-run.1"]


def test_shell_scripts(tmp_path):
    if not run.shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    script = tmp_path / "bad.sh"
    script.write_text("#!/bin/sh\nrm -r $1/*\ncd $2\n[[ a == b ]]\n")
    assert list(run.shell_scripts([str(script)]))
    script.write_text("#!/bin/sh\nset -eu\necho \"$1\"\n")
    assert not list(run.shell_scripts([str(script)]))


def test_code_is_what_the_compiler_sees():
    assert run.strip('a("x{y", \'{\'); // {\n/* { */ b') .count("{") == 0
    assert run.strip("1\n/* 2\n3 */ 4").count("\n") == 2


def test_the_program_fails_when_a_check_does(tmp_path):
    """From outside: the exit code and the report."""
    top = tmp_path / "tree"
    (top / "src/oci").mkdir(parents=True)
    (top / "src/LAYERS").write_text("oci :\n")
    (top / "src/oci/util.cpp").write_text("")
    done = subprocess.run([sys.executable, run.__file__, "--top", str(top), "--results", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "util" in done.stdout, done
    assert "<failure" in (tmp_path / "lint.xml").read_text()
