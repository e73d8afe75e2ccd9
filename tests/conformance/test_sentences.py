"""Every normative sentence of the specification stands in sentences.txt, with tests that exist and are run."""
import ast
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
# Sentences a document, of the specification 1.3: none may be lost.
EXPECTED = {"runtime.md": 50, "config.md": 170, "config-linux.md": 110}


def table():
    """(document, sentence, [what shows it]) of every sentence."""
    document, found = None, []
    with open(f"{HERE}/sentences.txt", encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("# "):
                document = line[2:]
            elif line.startswith("    "):
                found[-1][2].append(line.strip())
            elif line and not line.startswith((";", "##")):
                found.append((document, line, []))
    return found


def functions_of(path):
    with open(path, encoding="utf-8") as file:
        return {node.name for node in ast.walk(ast.parse(file.read())) if isinstance(node, ast.FunctionDef)}


def read(path):
    with open(os.path.join(os.path.dirname(TESTS), path), encoding="utf-8") as file:
        return file.read()


def exists(shown_by):
    if match := re.fullmatch(r"(test_\w+\.py)::(test_\w+)", shown_by):
        return match[2] in functions_of(f"{HERE}/{match[1]}")
    if match := re.fullmatch(r'(tests/[\w/]+\.cpp): "(.*)"', shown_by):
        return f'TEST_CASE("{match[2]}"' in read(match[1])
    if match := re.fullmatch(r"(tests/host/[\w-]+\.sh): (.*)", shown_by):
        return f'check "{match[2]}' in read(match[1])
    return bool(re.fullmatch(r"(- |! no test: ).+", shown_by)) or os.path.exists(os.path.join(os.path.dirname(TESTS), shown_by.split(":")[0]))


def test_every_sentence_names_what_shows_it():
    assert [sentence for _, sentence, shown_by in table() if not shown_by] == []


def test_every_test_that_is_named_exists():
    assert [(sentence, one) for _, sentence, shown_by in table() for one in shown_by if not exists(one)] == []


def test_no_sentence_is_lost():
    counted = {document: sum(1 for of, _, _ in table() if of == document) for document in EXPECTED}
    assert all(counted[document] >= least for document, least in EXPECTED.items()), counted


def test_every_file_of_tests_is_run():
    listed = read("tests/conformance/meson.build")
    assert [name for name in os.listdir(HERE) if name.startswith("test_") and f"'{name[len('test_'):-len('.py')]}'" not in listed] == []
