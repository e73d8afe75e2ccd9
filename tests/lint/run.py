#!/usr/bin/env python3
"""Checks of the sources that the compiler does not make.

    run.py [--results DIRECTORY]

Each check is a function of a list of Source and yields complaints; tests/lint/test_lint.py shows each one a bad example.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LONGEST_FILE, LONGEST_FUNCTION = 700, 80


@dataclass
class Source:
    path: str
    text: str

    @property
    def folder(self):
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else ""

    @property
    def code(self):
        """The text without comments and string contents, line for line."""
        return strip(self.text)


def strip(text):
    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def read_layers(text):
    layers = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, _, granted = line.partition(":")
            layers[name.strip()] = set(granted.split())
    return layers


def layers(sources, granted):
    for source in sources:
        if source.folder not in granted:
            continue
        for match in re.finditer(r'^#include "(\w+)/', source.text, flags=re.M):
            other = match.group(1)
            if other != source.folder and other not in granted[source.folder]:
                yield f"{source.path}:{line_of(source.text, match.start())}: {source.folder} may not include {other} (src/LAYERS)"


RAW_CALL = re.compile(r"(?<![\w.>:])(?:::)?(mount|umount2?|syscall|clone3?|setns|unshare|prctl|openat2|pivot_root|move_mount|open_tree|fsopen)\s*\(")


def raw_system_calls(sources):
    for source in sources:
        if source.folder in ("", "sys") or not source.path.endswith(".cpp"):
            continue
        code = source.code
        for match in RAW_CALL.finditer(code):
            before = code[:match.start()].rstrip()
            line = code[code.rfind("\n", 0, match.start()) + 1:match.start()]
            # A declaration or definition of a function with that name is none.
            if re.search(r"[\w>&*]\s*$", line) and not re.search(r"\b(return|co_return)\s*$", line):
                continue
            if before.endswith(("Mount", "&Mount")):
                continue
            yield f"{source.path}:{line_of(code, match.start())}: {match.group(1)}( outside src/sys"


def try_in_braces(sources):
    """TRY between the braces of `Type{…}` or `= {…}`: gcc leaks what was built before it."""
    for source in sources:
        code = source.code
        for match in re.finditer(r"\bTRY\s*\(", code):
            depth, at = 0, match.start() - 1
            while at >= 0 and code[at] not in ";" and not (code[at] == "{" and depth == 0):
                depth += {"}": 1, ")": 1, "{": -1, "(": -1}.get(code[at], 0) if not (code[at] == "(" and depth == 0) else 0
                at -= 1
            if at < 0 or code[at] != "{":
                continue
            # The first element has nothing built before it.
            if not code[at + 1:match.start()].strip(" \n\t(") or "," not in code[at:match.start()]:
                continue
            before = code[:at].rstrip()
            head = re.search(r"(\w+|[>=,({])$", before)
            if not head or before.endswith(("else", "do", "try", "const", "noexcept", "mutable", "override", "final", ")")):
                continue
            if re.search(r"->\s*[\w:<>&* ,]+$", before[-160:].split(";")[-1]):
                continue
            if re.search(r"\b(namespace|struct|class|enum|union|extern)\b[^;{}()]*$", before):
                continue
            yield f"{source.path}:{line_of(code, match.start())}: TRY inside the braces of an initialiser"


def sizes(sources):
    for source in sources:
        lines = source.text.count("\n")
        if lines > LONGEST_FILE:
            yield f"{source.path}: {lines} lines (more than {LONGEST_FILE})"
        if not source.path.endswith(".cpp"):
            continue
        # A function begins at the left margin (namespaces are not indented) and ends with a brace there.
        begin = None
        for number, line in enumerate(source.code.splitlines(), 1):
            if begin is None and re.match(r"[A-Za-z_\[].*\)[^;]*\{\s*$", line) and not line.startswith(("namespace", "struct", "class", "enum", "extern")):
                begin = number
            elif begin is not None and line.startswith("}"):
                if number - begin > LONGEST_FUNCTION:
                    yield f"{source.path}:{begin}: a function of {number - begin} lines (more than {LONGEST_FUNCTION})"
                begin = None


def names(sources):
    for source in sources:
        stem = os.path.basename(source.path).split(".")[0]
        for word in ("util", "utils", "common", "helper", "helpers", "manager", "handler", "info", "data"):
            if word in stem.split("_"):
                yield f"{source.path}: '{word}' says nothing about what is in the file"


def options(programs):
    """Every option that a program knows, in its man page and completions. programs: {name: text of `name __options`}."""
    for program, text in programs.items():
        completions = "".join(open(os.path.join(TOP, "contrib/completions", f"{program}.{shell}"), encoding="utf-8").read()
                              for shell in ("bash", "zsh", "fish") if os.path.exists(os.path.join(TOP, "contrib/completions", f"{program}.{shell}")))
        for line in text.splitlines():
            command, _, option = line.partition("\t")
            pages = [page for page in (f"man/{program}-{command.replace(' ', '-')}.1", f"man/{program}.1", f"man/{program}.8") if os.path.exists(os.path.join(TOP, page))]
            plain = option.lstrip("-").replace("-", r"\-")
            page_text = "".join(open(os.path.join(TOP, page), encoding="utf-8").read() for page in pages)
            if not option or option in page_text or plain in page_text or option.lstrip("-") in page_text:
                pass
            else:
                yield f"{program} {command}: {option} is not in {' or '.join(pages) or 'any man page'}"
            # fish writes long options without their dashes; a completion that asks the program itself lists none.
            if completions and "__options" not in completions and option.lstrip("-") not in completions:
                yield f"{program} {command}: {option} is not in contrib/completions/{program}.*"


def shell_scripts():
    tool = shutil.which("shellcheck")
    if not tool:
        return
    done = subprocess.run([tool, "-S", "error", os.path.join(TOP, "dev"), os.path.join(TOP, ".ci/run")], capture_output=True, text=True, check=False)
    if done.returncode:
        yield done.stdout


def sources_of(top):
    found = []
    for folder, folders, files in os.walk(os.path.join(top, "src")):
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in files:
            if name.endswith((".h", ".cpp", ".c")):
                path = os.path.join(folder, name)
                found.append(Source(os.path.relpath(path, top), open(path, encoding="utf-8").read()))
    return sorted(found, key=lambda s: s.path)


def known_options():
    programs = {}
    for name in ("bolt", "bolt-oci"):
        path = os.path.join(TOP, "build/stage/bin", name)
        if os.path.exists(path):
            programs[name] = subprocess.run([path, "__options"], capture_output=True, text=True, check=True).stdout
    return programs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results")
    arguments = parser.parse_args()
    sources = sources_of(TOP)
    granted = read_layers(open(os.path.join(TOP, "src/LAYERS"), encoding="utf-8").read())
    checks = {
        "layers": lambda: layers(sources, granted),
        "raw system calls": lambda: raw_system_calls(sources),
        "TRY in braces": lambda: try_in_braces(sources),
        "sizes": lambda: sizes(sources),
        "names": lambda: names(sources),
        "options in man pages and completions": lambda: options(known_options()),
        "shell scripts": shell_scripts,
    }
    cases, failed = [], 0
    for name, check in checks.items():
        complaints = list(check())
        print(f"lint {name}: {'ok' if not complaints else ''}")
        for complaint in complaints:
            print(f"  {complaint}")
        failed += bool(complaints)
        body = f"<failure message={quoteattr(complaints[0])}/>" if complaints else ""
        cases.append(f"<testcase name={quoteattr('lint ' + name)}>{body}</testcase>")
    if arguments.results:
        with open(os.path.join(arguments.results, "lint.xml"), "w", encoding="utf-8") as file:
            file.write(f"<testsuite>{''.join(cases)}</testsuite>")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
