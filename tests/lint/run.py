#!/usr/bin/env python3
"""Checks of the sources that the compiler does not make.

    run.py [--results DIRECTORY] [--top TREE] [--tidy [FILE…]]

--tidy runs clang-tidy instead, which takes many minutes: over the files named, or all. Each check is a function of a list of Source and yields complaints; tests/lint/test_lint.py shows each one a bad example.
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
AIMED_AT_FILE, AIMED_AT_FUNCTION = 400, 40


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


def measured(sources):
    """(where, what, lines, the aim, the limit) of every file and function."""
    for source in sources:
        yield source.path, "a file", source.text.count("\n"), AIMED_AT_FILE, LONGEST_FILE
        if not source.path.endswith(".cpp"):
            continue
        # A function begins at the left margin (namespaces are not indented) and ends with a brace there.
        begin = None
        for number, line in enumerate(source.code.splitlines(), 1):
            if begin is None and re.match(r"[A-Za-z_\[].*\)[^;]*\{\s*$", line) and not line.startswith(("namespace", "struct", "class", "enum", "extern")):
                begin = number
            elif begin is not None and line.startswith("}"):
                yield f"{source.path}:{begin}", "a function", number - begin, AIMED_AT_FUNCTION, LONGEST_FUNCTION
                begin = None


def sizes(sources):
    for where, what, lines, _, limit in measured(sources):
        if lines > limit:
            yield f"{where}: {what} of {lines} lines (more than {limit})"


def long_ones(sources):
    """What is longer than the aim and still allowed: printed, no failure."""
    for where, what, lines, aim, limit in measured(sources):
        if aim < lines <= limit:
            yield f"{where}: {what} of {lines} lines (the aim is {aim})"


def names(sources):
    for source in sources:
        stem = os.path.basename(source.path).split(".")[0]
        for word in ("util", "utils", "common", "helper", "helpers", "manager", "handler", "info", "data"):
            if word in stem.split("_"):
                yield f"{source.path}: '{word}' says nothing about what is in the file"


def options(programs):
    """Every option that a program knows, in its man page: completions ask the program. programs: {name: text of `name __options`}."""
    for program, text in programs.items():
        for line in text.splitlines():
            command, _, option = line.partition("\t")
            own = f"man/{program}-{command.replace(' ', '-')}" if command else f"man/{program}"
            pages = [page for page in (f"{own}.1", f"{own}.8") if os.path.exists(os.path.join(TOP, page))]
            plain = option.lstrip("-").replace("-", r"\-")
            page_text = "".join(open(os.path.join(TOP, page), encoding="utf-8").read() for page in pages)
            if option and option not in page_text and plain not in page_text and option.lstrip("-") not in page_text:
                yield f"{program} {command}: {option} is not in {' or '.join(pages) or 'any man page'}"


WORDS = re.compile(r"\b(issue #?\d+|(?:the|this) brief\b|this chat|language model|as an AI|AI[- ]generated)", re.I)


def words(sources):
    """A file speaks of the program, not of how it came to be written."""
    for source in sources:
        for match in WORDS.finditer(source.text):
            yield f"{source.path}:{line_of(source.text, match.start())}: '{match.group(0)}': say what the reader of this file needs"


def shell_scripts(scripts=None):
    if scripts is None:
        tracked = subprocess.run(["git", "ls-files", "dev", ".ci/run", "*.sh"], cwd=TOP, capture_output=True, text=True, check=False)
        scripts = [path for path in tracked.stdout.split() if os.path.exists(os.path.join(TOP, path))]
    # Lists of packages are split on purpose (2086); what a container's shell expands stands in single quotes (2016); what is
    # sourced is checked by itself (1090, 1091); bolt-demo is a name (2100); variables are set for what is sourced (2034, 2154).
    done = subprocess.run(["shellcheck", "-s", "sh", "-e", "2086,2016,1090,1091,2100,2034,2154", "-f", "gcc", *scripts],
                          cwd=TOP, capture_output=True, text=True, check=False)
    yield from (done.stdout + done.stderr).splitlines()


def tidy(files):
    """clang-tidy as .clang-tidy says, each file alone."""
    build = os.path.join(TOP, "build/tidy")
    if not os.path.isdir(build):
        subprocess.run(["meson", "setup", build, "-Dunity=off", "-Db_pch=false"], cwd=TOP, check=True, stdout=subprocess.DEVNULL)
    names = files or [source.path for source in sources_of(TOP) if source.path.endswith(".cpp")]
    return subprocess.run(["xargs", "-P", str(os.cpu_count()), "-n", "4", "clang-tidy", "--quiet", "-p", build, "--extra-arg=-Wno-unknown-warning-option",
                           "--extra-arg=-Wno-ignored-optimization-argument"], input="\n".join(names), text=True, cwd=TOP, check=False).returncode


def sources_of(top):
    found = []
    for folder, folders, files in os.walk(os.path.join(top, "src")):
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in files:
            if name.endswith((".h", ".cpp", ".c")):
                path = os.path.join(folder, name)
                found.append(Source(os.path.relpath(path, top), open(path, encoding="utf-8").read()))
    return sorted(found, key=lambda s: s.path)


def texts_of(top):
    """Every text of the project that git knows, for what holds of all of them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=top, capture_output=True, text=True, check=False).stdout.split("\0")
    found = []
    for path in filter(None, listed):
        if path.startswith("tests/lint/") or not os.path.isfile(os.path.join(top, path)):
            continue
        with open(os.path.join(top, path), "rb") as file:
            content = file.read()
        if b"\0" not in content:
            found.append(Source(path, content.decode("utf-8", errors="replace")))
    return found


def known_options():
    programs = {}
    for name in ("bolt", "bolt-oci"):
        path = os.path.join(TOP, "build/stage/bin", name)
        if os.path.exists(path):
            programs[name] = subprocess.run([path, "__options"], capture_output=True, text=True, check=True).stdout
    return programs


class Skip(Exception):
    """Why a check could not be made."""


def needing(program, check):
    """A check that is skipped where the program is not installed."""
    def run():
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
        return list(check())
    return run


def checked_options():
    programs = known_options()
    if not programs:
        raise Skip("no program is installed in build/stage (./dev build)")
    return list(options(programs))


def checks_of(top):
    sources = sources_of(top)
    with open(os.path.join(top, "src/LAYERS"), encoding="utf-8") as file:
        granted = read_layers(file.read())
    return {
        "layers": lambda: layers(sources, granted),
        "raw system calls": lambda: raw_system_calls(sources),
        "TRY in braces": lambda: try_in_braces(sources),
        "sizes": lambda: sizes(sources),
        "names": lambda: names(sources),
        "words": lambda: words(texts_of(top)),
        "options in man pages": checked_options,
        "shell scripts": needing("shellcheck", shell_scripts),
    }


def case(name, complaints, skipped):
    body = f"<failure message={quoteattr(complaints[0])}/>" if complaints else f"<skipped message={quoteattr(skipped)}/>" if skipped else ""
    return f"<testcase name={quoteattr('lint ' + name)}>{body}</testcase>"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results")
    parser.add_argument("--top", default=TOP)
    parser.add_argument("--tidy", nargs="*")
    arguments = parser.parse_args()
    if arguments.tidy is not None:
        return tidy(arguments.tidy)
    cases, failed = [], 0
    for name, check in checks_of(arguments.top).items():
        complaints, skipped = [], None
        try:
            complaints = list(check())
        except Skip as reason:
            skipped = str(reason)
        print(f"lint {name}: {'' if complaints else f'skipped: {skipped}' if skipped else 'ok'}")
        for complaint in complaints:
            print(f"  {complaint}")
        failed += bool(complaints)
        cases.append(case(name, complaints, skipped))
    for note in long_ones(sources_of(arguments.top)):
        print(f"  note: {note}")
    if arguments.results:
        with open(os.path.join(arguments.results, "lint.xml"), "w", encoding="utf-8") as file:
            file.write(f"<testsuite>{''.join(cases)}</testsuite>")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
