#!/usr/bin/env python3
"""run_tests.py BUILD RESULTS [NAME…]: runs the tests that meson knows, one JUnit file each in RESULTS.

Catch2 programs and pytest folders write their own; any other program is one case. NAME is a test or the first part of its
name ("unit", "net"). As root it first makes what the tests need: the ordinary user bolt-test, and a /dev/net/tun that
users may open, as udev leaves it on Debian.
"""
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from xml.sax.saxutils import quoteattr

USER, UID = "bolt-test", 2000


def prepare_host():
    if os.geteuid() != 0:
        return
    try:
        pwd.getpwuid(UID)
    except KeyError:
        subprocess.run(["useradd", "-m", "-u", str(UID), "-s", "/bin/sh", USER], check=True)
    name = pwd.getpwuid(UID).pw_name
    for file, option in (("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")):
        text = open(file, encoding="utf-8").read() if os.path.exists(file) else ""
        if not any(line.startswith(name + ":") for line in text.splitlines()):
            open(file, "a", encoding="utf-8").close()
            subprocess.run(["usermod", option, "100000-165535", name], check=True)
        # Whose ids root's containers with --userns=auto get; it need not be a user of the host.
        if not any(line.startswith("containers:") for line in text.splitlines()):
            with open(file, "a", encoding="utf-8") as ranges:
                ranges.write("containers:2147483648:1073741824\n")
    if not os.path.exists("/dev/net/tun"):
        os.makedirs("/dev/net", exist_ok=True)
        subprocess.run(["mknod", "/dev/net/tun", "c", "10", "200"], check=False)
    if os.path.exists("/dev/net/tun"):
        os.chmod("/dev/net/tun", 0o666)


def others_may_enter(path):
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


def readable_build(build):
    """Where an ordinary user can run the programs: the build itself, or a copy of what the tests start."""
    if others_may_enter(build):
        return build, None
    copy = tempfile.mkdtemp(prefix="bolt-check-")
    os.chmod(copy, 0o755)
    for below in ("src/cli", "images", "tests"):
        shutil.copytree(os.path.join(build, below), os.path.join(copy, below), ignore=shutil.ignore_patterns("*.p", "*.a"))
    subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
    return copy, copy


def single_case(path, name, failure):
    with open(path, "w", encoding="utf-8") as file:
        body = f"<failure message={quoteattr(failure)}/>" if failure else ""
        file.write(f"<testsuite><testcase name={quoteattr(name)}>{body}</testcase></testsuite>")


def has_failure(report):
    try:
        cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    except xml.etree.ElementTree.ParseError:
        return True  # counted as one by count.py
    return any(case.find(kind) is not None for case in cases for kind in ("failure", "error"))


def run_one(test, report, place):
    # Programs are where the build, or its copy, is; the tests' own files stay in the source tree.
    command = [os.path.realpath(part) if "/../" in part else part.replace(*place) for part in test["cmd"]]
    environment = {**os.environ, **{key: value.replace(*place) for key, value in test["env"].items()}}
    is_pytest = "pytest" in command
    is_catch = not is_pytest and os.path.basename(command[0]).startswith(("unit", "kernel", "golden"))
    if is_pytest:
        command += ["--junitxml", report]
    elif is_catch:
        command += ["-r", "junit", "-o", report]
    limit = max(900, test["timeout"])
    try:
        done = subprocess.run(command, timeout=limit, check=False, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, output = f"no end within {limit} s", (error.stdout or b"").decode(errors="replace")
    written = os.path.exists(report) and os.path.getsize(report) > 0
    if (not is_pytest and not is_catch) or not written:
        single_case(report, test["name"], "" if code == 0 else str(code))
    elif code not in (0, 5) and not has_failure(report):
        # It ended before, or after, its tests: what it did not run must not pass for done.
        single_case(report[:-4] + "-end.xml", f"{test['name']} runs to its end", f"exit {code}")
    return code, output


def main():
    build, results, *wanted = sys.argv[1:]
    build = os.path.realpath(build)
    # A shell that puts this into the background has both ignored, and tests send them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    prepare_host()
    listed = subprocess.run(["meson", "introspect", "--tests", build], check=True, capture_output=True, text=True)
    usable, temporary = readable_build(build)
    failed = False
    try:
        for test in json.loads(listed.stdout):
            name = test["name"]
            if wanted and not any(name == w or name.startswith(w + "-") for w in wanted):
                continue
            code, output = run_one(test, os.path.join(results, name + ".xml"), (build, usable))
            for line in output.splitlines():
                if line.startswith("SKIPPED:"):
                    with open(os.path.join(results, "skips"), "a", encoding="utf-8") as skips:
                        skips.write(f"{name}: {line[8:].strip()}\n")
            print(f"{name}: {'ok' if code == 0 else code}", flush=True)
            if code not in (0, 5):
                failed = True
                print(output[-6000:], flush=True)
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
