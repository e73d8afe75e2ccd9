#!/usr/bin/env python3
"""count.py RESULTS: adds up the JUnit files, prints failures' names and skips' reasons, and ends with the count."""
import glob
import os
import sys
import xml.etree.ElementTree as ET


def main():
    results = sys.argv[1]
    passed = failed = skipped = 0
    for path in sorted(glob.glob(os.path.join(results, "*.xml"))):
        try:
            tree = ET.parse(path)
        except ET.ParseError as error:
            print(f"FAILED {os.path.basename(path)}: the report is damaged: {error}")
            failed += 1
            continue
        for case in tree.iter("testcase"):
            name = f"{os.path.basename(path)[:-4]}: {case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                print(f"FAILED {name}")
            elif case.find("skipped") is not None:
                skipped += 1
                print(f"SKIPPED {name}: {case.find('skipped').get('message')}")
            else:
                passed += 1
    skips = os.path.join(results, "skips")
    if os.path.exists(skips):
        with open(skips, encoding="utf-8") as file:
            for line in file:
                skipped += 1
                passed -= 1  # Catch2 2 has no skips: the case passed without having been run
                print(f"SKIPPED {line.strip()}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
