#!/usr/bin/env python3
"""run.py [--results DIRECTORY]: the tests that need a real host (systemd, one cgroup v2 tree, an ordinary user with a
delegated slice), in a virtual machine made from Debian's packages by tests/host/host-vm."""
import argparse
import os
import re
import shutil
import subprocess
import sys
from xml.sax.saxutils import quoteattr

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def case(name, failure=None, skipped=None):
    body = f"<failure message={quoteattr(failure)}/>" if failure else f"<skipped message={quoteattr(skipped)}/>" if skipped else ""
    return f"<testcase name={quoteattr('host: ' + name)}>{body}</testcase>"


def carry_libraries(program, folder):
    """The host has no packages beyond its own: the program's shared libraries go with it, all but the C library's."""
    os.makedirs(folder, exist_ok=True)
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for name, path in re.findall(r"(\S+) => (/\S+)", listed):
        if not name.startswith(("libc.so", "libm.so", "libpthread", "libdl.so", "librt.so", "libresolv", "ld-linux")):
            shutil.copy(path, os.path.join(folder, name))


def run():
    if os.geteuid() != 0:
        return [case("virtual host", skipped="making the virtual host needs root")]
    vm = os.path.join(HERE, "host-vm")
    built = subprocess.run([vm, "build"], capture_output=True, text=True, check=False, timeout=1200)
    if built.returncode:
        return [case("virtual host", failure="it could not be made: " + built.stderr[-1500:])]
    stage = os.path.join(TOP, "build/stage")
    for script in ("checks.sh", "as-user.sh", "as-root.sh", "as-root-v1.sh", "as-root-criu.sh"):
        shutil.copy(os.path.join(HERE, script), stage)
    carry_libraries(os.path.join(stage, "libexec/bolt/bolt-transfer"), os.path.join(stage, "host-libraries"))
    criu = shutil.which("criu", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if criu:
        os.makedirs(os.path.join(stage, "criu"), exist_ok=True)
        shutil.copy(criu, os.path.join(stage, "criu"))
        carry_libraries(criu, os.path.join(stage, "host-libraries"))
    cases = run_script(vm, stage, "as-user.sh", ["--user"]) + run_script(vm, stage, "as-root.sh", [])
    for name, words in V1_HOSTS:
        cases += run_script(vm, stage, "as-root-v1.sh", ["--kernel", words], name + ": ")
    return cases + (run_script(vm, stage, "as-root-criu.sh", []) if criu else [case("criu", skipped="criu is not installed")])


# systemd's two ways to use version 1's trees: with version 2's for its own work, and without.
V1_HOSTS = [("hybrid cgroups", "systemd.unified_cgroup_hierarchy=0"),
            ("cgroup v1", "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1")]


def run_script(vm, stage, script, options, prefix=""):
    done = subprocess.run([vm, "run", *options, "--src", stage, "--timeout", "400", "--", "sh", f"/src/{script}"],
                          capture_output=True, text=True, check=False, timeout=900)
    cases = []
    for line in done.stdout.splitlines():
        if line.startswith("ok "):
            cases.append(case(prefix + line[3:]))
        elif line.startswith("skip "):
            cases.append(case(prefix + line[5:], skipped=line[5:].partition(": ")[2]))
        elif line.startswith("not ok "):
            name, _, reason = line[7:].partition(": ")
            cases.append(case(prefix + name, failure=reason or "failed"))
    print(done.stdout)
    if not cases or done.returncode:
        cases.append(case(f"{prefix}{script} runs to its end", failure=f"exit {done.returncode}: {done.stderr[-1500:]}"))
    return cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results")
    arguments = parser.parse_args()
    try:
        cases = run()
    except subprocess.TimeoutExpired as error:
        cases = [case("virtual host", failure=f"no end within {error.timeout} s")]
    for one in cases:
        if "<failure" in one or "<skipped" in one:
            print(one)
    if arguments.results:
        with open(os.path.join(arguments.results, "host.xml"), "w", encoding="utf-8") as file:
            file.write(f"<testsuite>{''.join(cases)}</testsuite>")
    return 1 if any("<failure" in one for one in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
