#!/usr/bin/env python3
"""catch.py BUILD RESULTS: runs every Catch2 program of a build, one JUnit file each in RESULTS."""
import json
import os
import subprocess
import sys


def main():
    build, results = sys.argv[1:3]
    listed = subprocess.run(["meson", "introspect", "--tests", build], check=True, capture_output=True, text=True)
    failed = False
    for test in json.loads(listed.stdout):
        report = os.path.join(results, test["name"] + ".xml")
        try:
            done = subprocess.run(test["cmd"] + ["-r", "junit", "-o", report], timeout=300, check=False,
                                  env={**os.environ, **test["env"]}, capture_output=True, text=True)
            code, output = done.returncode, done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            code, output = "no end within 300 s", ""
        for line in output.splitlines():
            if line.startswith("SKIPPED:"):
                with open(os.path.join(results, "skips"), "a", encoding="utf-8") as skips:
                    skips.write(f"{test['name']}: {line[8:].strip()}\n")
        print(f"{test['name']}: {'ok' if code == 0 else code}", flush=True)
        if code != 0:
            failed = True
            print(output)
            if not os.path.exists(report) or os.path.getsize(report) == 0:
                with open(report, "w", encoding="utf-8") as file:
                    file.write(f'<testsuite><testcase name="{test["name"]}"><failure/></testcase></testsuite>')
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
