"""bolt search with Debian's registry, which has a list of its repositories, and with scripted ones that search, ask for a login, or do neither."""
import base64
import json
import pathlib

import pytest

from bolt_runner import bolt, bolt_with_store  # noqa: F401: fixtures
from scripted_registry import ScriptedRegistry

NAMES = ("search", "--format", "{{.Name}}")


@pytest.fixture
def scripted():
    made = ScriptedRegistry()
    yield made
    made.close()


@pytest.fixture
def conf(bolt):
    path = pathlib.Path(bolt.top) / "home/.config/containers/registries.conf"

    def write(text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    yield write
    path.unlink(missing_ok=True)


def json_answer(request, document, **headers):
    return request.answer(200, json.dumps(document).encode(), Content_Type="application/json", **headers)


def test_a_registrys_repositories_and_tags(bolt, registry):
    for name in ("team/finder", "team/found"):
        for tag in ("1", "2"):
            bolt.ok("push", "-q", "bolt://shell", f"{registry.host}/{name}{bolt.user}:{tag}")
    found = bolt.ok(*NAMES, f"{registry.host}/find").splitlines()
    assert f"{registry.host}/team/finder{bolt.user}" in found and all("team/finder" in name for name in found)
    assert f"{registry.host}/team/found{bolt.user}" in bolt.ok(*NAMES, "--limit", "1000", f"{registry.host}/").splitlines()
    assert len(bolt.ok(*NAMES, "--limit", "1", f"{registry.host}/team").splitlines()) == 1
    assert bolt.ok(*NAMES, f"{registry.host}/nothing-like-it") == ""
    table = bolt.ok("search", f"{registry.host}/finder{bolt.user}").splitlines()
    assert table[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"] and table[1].split() == [f"{registry.host}/team/finder{bolt.user}", "0"]
    tags = bolt.ok("search", "--list-tags", f"{registry.host}/team/finder{bolt.user}").splitlines()
    assert [line.split() for line in tags] == [["NAME", "TAG"], *([f"{registry.host}/team/finder{bolt.user}", tag] for tag in ("1", "2"))]
    missing = bolt("search", "--list-tags", f"{registry.host}/team/nobody")
    assert missing.code == 1 and "does not exist in registry" in missing.err


RESULTS = [{"name": "nginx", "description": "A server " * 10, "star_count": 100, "is_official": True}, {"name": "team/nginx", "description": "\x1b[31mred", "star_count": 3, "is_automated": True}]


def test_a_registry_that_searches(bolt, scripted):
    def script(request):
        if request.path.startswith("/v1/search"):
            assert request.path == "/v1/search?q=ngin%20x&n=25" or "n=7" in request.path
            return json_answer(request, {"results": RESULTS})
        return request.answer(200, b"{}") if request.path == "/v2/" else None

    scripted.script = script
    found = [json.loads(line) for line in bolt.ok("search", "--format", "json", "--no-trunc", f"{scripted.host}/ngin x").splitlines()]
    assert [(entry["Name"], entry["Stars"], entry["Official"], entry["Automated"]) for entry in found] == [(f"{scripted.host}/nginx", 100, "[OK]", ""), (f"{scripted.host}/team/nginx", 3, "", "[OK]")]
    assert found[0]["Description"] == "A server " * 10 and "\x1b" not in found[1]["Description"]
    search = (*NAMES, "--limit", "7", f"{scripted.host}/nginx")
    assert bolt.ok("search", "--limit", "7", f"{scripted.host}/nginx").splitlines()[1].split()[-2:] == ["100", "[OK]"]
    for words, names in ((("-f", "stars=50"), ["nginx"]), (("-f", "is-official=false"), ["team/nginx"]), (("-f", "is-automated=true", "-f", "stars=4"), [])):
        assert bolt.ok(*search[:1], *words, *search[1:]).splitlines() == [f"{scripted.host}/{name}" for name in names]


def test_a_list_in_pages_behind_a_login(bolt, scripted):
    wanted = "Basic " + base64.b64encode(b"me:secret").decode()

    def script(request):
        if request.headers.get("Authorization") != wanted:
            return request.answer(401, b"{}", WWW_Authenticate='Basic realm="x"')
        if request.path == "/v2/_catalog?n=1000":
            return json_answer(request, {"repositories": ["a/one", "b"]}, Link='</v2/_catalog?n=1000&last=b>; rel="next"')
        if request.path == "/v2/_catalog?n=1000&last=b":
            return json_answer(request, {"repositories": ["c/one"]})
        return request.answer(404, b"{}")

    scripted.script = script
    assert bolt.ok(*NAMES, "--creds", "me:secret", f"{scripted.host}/one").splitlines() == [f"{scripted.host}/{name}" for name in ("a/one", "c/one")]
    refused = bolt("search", f"{scripted.host}/one")
    assert refused.code == 1 and "bolt login" in refused.err


def test_a_registry_that_offers_neither_is_named(bolt, scripted, registry, conf):
    assert bolt("search", f"{scripted.host}/x").err.strip() == f"bolt: search {scripted.host}/x: registry '{scripted.host}' offers neither a search nor a list of its repositories"
    conf(f'unqualified-search-registries = ["{scripted.host}", "{registry.host}"]\n')
    bolt.ok("push", "-q", "bolt://shell", f"{registry.host}/sought{bolt.user}:1")
    both = bolt(*NAMES, f"sought{bolt.user}")
    assert both.code == 0 and both.out.split() == [f"{registry.host}/sought{bolt.user}"] and f"warning: registry '{scripted.host}' offers neither" in both.err


@pytest.mark.parametrize("words, says", [
    (("--limit", "0", "x"), "not between 1 and 100000"), (("-f", "size=1", "x"), "size"), (("-f", "stars=many", "127.0.0.1:9/x"), "stars"), (("--list-tags", "127.0.0.1:9/x:1"), "neither tag nor digest"),
    (("--list-tags", "-f", "stars=1", "127.0.0.1:9/x"), "--list-tags takes no --filter"), (("127.0.0.1:9/x",), "127.0.0.1:9")])
def test_what_cannot_be_is_refused_by_name(bolt, scripted, words, says):
    scripted.script = lambda request: json_answer(request, {"results": RESULTS}) if "search" in request.path else None
    said = bolt("search", *(word.replace("127.0.0.1:9", scripted.host) if "stars=many" in words else word for word in words))
    assert said.code in (1, 125) and says in said.err, said
