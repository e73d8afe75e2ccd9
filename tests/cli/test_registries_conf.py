"""containers-registries.conf(5), version 2: short names, mirrors, other locations, registries that are insecure or blocked."""
import json
import os
import shutil
import ssl
import subprocess

import pytest

from bolt_runner import USER, Bolt
from scripted_registry import Image, ScriptedRegistry, tar_of


@pytest.fixture(params=["root", "user"])
def bolt(request):
    if os.geteuid() != 0:
        pytest.skip("changing users needs root")
    made = Bolt(USER if request.param == "user" else 0)
    yield made
    made.remove()


@pytest.fixture
def two():
    made = [ScriptedRegistry(), ScriptedRegistry()]
    yield made
    for each in made:
        each.close()


def image(text):
    return Image([tar_of([("which", text.encode())])])


def configure(bolt, text, name="registries.conf"):
    path = f"{bolt.top}/home/.config/containers/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    subprocess.run(["chown", "-R", f"{bolt.user}:{bolt.user}", f"{bolt.top}/home"], check=True)


def pulled(bolt, name):
    outcome = bolt("pull", "--quiet", name)
    assert outcome.code == 0, outcome
    return outcome.out.strip()


def test_a_mirror_is_asked_first_and_the_registry_when_it_has_nothing(bolt, two):
    mirror, origin = two
    origin.add(image("origin"), "1")
    configure(bolt, f'[[registry]]\nlocation = "{origin.host}"\n[[registry.mirror]]\nlocation = "{mirror.host}/copies"\n')
    outcome = bolt("pull", f"{origin.host}/app:1")
    assert outcome.code == 0 and f"going on with '{origin.host}/app:1'" in outcome.err, outcome
    assert mirror.count("/v2/copies/app/manifests/1") == 1
    mirror.add(image("mirror"), "2")
    origin.requests.clear()
    assert pulled(bolt, f"{origin.host}/app:2") == f"{origin.host}/app:2" and not origin.requests
    assert mirror.count("/v2/copies/app/blobs/") == 2


@pytest.mark.parametrize("which, tag_asks, digest_asks", [("all", 1, 1), ("digest-only", 0, 1), ("tag-only", 1, 0)])
def test_mirrors_for_digests_or_tags_alone(bolt, two, which, tag_asks, digest_asks):
    mirror, origin = two
    origin.add(image("origin"), "1")
    configure(bolt, f'[[registry]]\nlocation = "{origin.host}"\n[[registry.mirror]]\nlocation = "{mirror.host}"\npull-from-mirror = "{which}"\n')
    pulled(bolt, f"{origin.host}/app:1")
    assert mirror.count("/manifests/") == tag_asks
    mirror.requests.clear()
    digest = bolt.ok("inspect", "--format", "{{index .RepoDigests 0}}", f"{origin.host}/app:1").split("@")[1]
    origin.manifests[digest] = origin.manifests["1"]
    pulled(bolt, f"{origin.host}/app@{digest}")
    assert mirror.count("/manifests/") == digest_asks


def test_another_location(bolt, two):
    place, _ = two
    place.add(image("moved"), "1")
    configure(bolt, f'[[registry]]\nprefix = "*.example.invalid/team"\nlocation = "{place.host}/elsewhere"\n')
    assert pulled(bolt, "reg.example.invalid/team/app:1") == "reg.example.invalid/team/app:1"
    assert place.count("/v2/elsewhere/app/manifests/1") == 1
    # Pushes go where the name says.
    done = bolt("push", "reg.example.invalid/team/app:1")
    assert done.code == 1 and "'reg.example.invalid' is not known" in done.err, done


def test_a_blocked_registry(bolt, two):
    host = two[0].host
    two[0].add(image("x"), "1")
    configure(bolt, f'[[registry]]\nlocation = "{host}"\nblocked = true\n')
    for words in (["pull", f"{host}/app:1"], ["run", f"{host}/app:1", "true"], ["login", "-u", "a", "-p", "b", host]):
        done = bolt(*words)
        assert done.code != 0 and f"registry '{host}' is blocked in '{bolt.top}/home/.config/containers/registries.conf'" in done.err, done
    assert not two[0].requests


def test_an_insecure_registry_needs_no_option(bolt, two):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    registry = two[0]
    registry.add(image("x"), "1")
    files = f"{bolt.top}/tls"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", files + ".key", "-out", files + ".crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files + ".crt", files + ".key")
    registry.server.socket = context.wrap_socket(registry.server.socket, server_side=True)
    done = bolt("pull", f"{registry.host}/app:1")
    assert done.code == 1 and "is not trusted" in done.err, done
    configure(bolt, f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n')
    pulled(bolt, f"{registry.host}/app:1")


def test_short_names_are_searched_in_order(bolt, two):
    first, second = two
    second.add(image("second"), "1")
    configure(bolt, f'unqualified-search-registries = ["{first.host}", "{second.host}"]\n')
    assert pulled(bolt, "app:1") == f"{second.host}/app:1" and first.count("/v2/app/manifests/1") == 1
    done = bolt("pull", "app:9")
    assert done.code == 1 and first.host in done.err and second.host in done.err and done.err.count("bolt: ") == 1, done


def test_a_short_name_that_runs_is_found_without_the_registry_the_second_time(bolt, two):
    registry, _ = two
    registry.add(image("aliased"), "1")
    configure(bolt, f'[aliases]\n"thing" = "{registry.host}/team/app"\n')
    for _ in range(2):
        done = bolt("create", "--network", "none", "thing:1", "x")
        assert done.code == 0, done
        asked = len(registry.requests)
    assert registry.count("/v2/team/app/manifests/1") == 1 and asked == len(registry.requests)


def test_several_meanings_are_refused_when_that_is_asked(bolt, two):
    configure(bolt, f'unqualified-search-registries = ["{two[0].host}", "{two[1].host}"]\nshort-name-mode = "enforcing"\n')
    done = bolt("pull", "app:1")
    assert done.code == 1 and f"write one of '{two[0].host}/app:1', '{two[1].host}/app:1'" in done.err, done
    assert not two[0].requests and not two[1].requests


def test_later_files_count(bolt, two):
    two[1].add(image("x"), "1")
    configure(bolt, f'[[registry]]\nlocation = "{two[0].host}"\nblocked = true\n[aliases]\n"a" = "{two[0].host}/app"\n')
    configure(bolt, f'[[registry]]\nlocation = "{two[0].host}"\n[[registry.mirror]]\nlocation = "{two[1].host}"\n', "registries.conf.d/50-mine.conf")
    done = bolt("pull", "a:1")
    assert done.code == 0 and f"the name has no registry: taking '{two[0].host}/app:1'" in done.err, done


@pytest.mark.parametrize("text, says", [
    ("unqualified-search-registries = [\n", "is no TOML: line 1: "),
    ("short-name-mode = \"permissive\"\n[[registry]]\nlocation = example\n", "is no TOML: line 3: "),
    ("[registries.search]\nregistries = ['x']\n", "version 1 of the format"),
    ("[[registry]]\nblocked = true\n", "neither prefix nor location"),
    ("[[registry]]\nlocation = 'x.example'\n[[registry.mirror]]\nlocation = 'y.example'\npull-from-mirror = 'some'\n", "there are all, digest-only and tag-only"),
    ("unqualified-search-registries = 'x'\n", "unqualified-search-registries"),
])
def test_a_file_that_is_wrong_is_named(bolt, text, says):
    configure(bolt, text)
    done = bolt("pull", "host.example.invalid/app:1")
    assert done.code == 1 and says in done.err and f"{bolt.top}/home/.config/containers/registries.conf" in done.err and done.err.count("\n") == 1, done


def test_a_name_with_a_digest_runs(bolt, two):
    registry, _ = two
    registry.add(image("x"), "1")
    pulled(bolt, f"{registry.host}/app:1")
    digest = bolt.ok("inspect", "--format", "{{index .RepoDigests 0}}", f"{registry.host}/app:1").split("@")[1]
    registry.manifests[digest] = registry.manifests["1"]
    bolt.ok("rmi", f"{registry.host}/app:1")
    for name in (f"{registry.host}/app@{digest}", f"{registry.host}/app:1@{digest}"):
        done = bolt("create", "--network", "none", name, "x")
        assert done.code == 0, done
        bolt.ok("rm", done.out.strip())


@pytest.mark.parametrize("prefix, name, is_blocked", [
    ("*.example.invalid", "reg.example.invalid:5000/app:1", True),
    ("*.example.invalid:5000", "reg.example.invalid:5000/app:1", True),
    ("*.example.invalid:5000/team", "a.b.example.invalid:5000/team/app:1", True),
    ("*.example.invalid/team", "reg.example.invalid:5000/team/app:1", False),
    ("*.example.invalid:5", "reg.example.invalid:5000/app:1", False),
    ("*.example.invalid", "example.invalid:5000/app:1", False),
    ("*.invalid", "example.org/a.invalid/app:1", False),
])
def test_a_domain_is_every_host_below_it_whatever_its_port(bolt, prefix, name, is_blocked):
    configure(bolt, f'[[registry]]\nprefix = "{prefix}"\nlocation = "elsewhere.invalid"\nblocked = true\n')
    done = bolt("pull", "--quiet", name)
    assert done.code != 0 and ("is blocked in" in done.err) == is_blocked, done


def test_the_port_goes_on_to_another_location(bolt, two):
    host, port = two[0].host.split(":")
    two[0].add(image("x"), "1")
    configure(bolt, f'[[registry]]\nprefix = "*.example.invalid"\nlocation = "{host}"\n')
    pulled(bolt, f"reg.example.invalid:{port}/team/app:1")
    assert two[0].count("/v2/team/app/manifests/1") == 1


def asks_for_login(request):
    """As registries do: who has no login is asked for one."""
    return None if request.headers.get("Authorization") else request.answer(401, WWW_Authenticate='Basic realm="r"')


def test_a_login_that_is_given_goes_to_the_named_registry_alone(bolt, two):
    mirror, origin = two
    origin.add(image("origin"), "1")
    mirror.script = origin.script = asks_for_login
    configure(bolt, f'[[registry]]\nlocation = "{origin.host}"\n[[registry.mirror]]\nlocation = "{mirror.host.replace("127.0.0.1", "localhost")}"\n')
    for words in (["pull", "--quiet", "--creds", "user:word"], ["manifest", "inspect", "--creds", "user:word"]):
        mirror.requests.clear()
        done = bolt(*words, f"{origin.host}/app:1")
        assert done.code == 0, done
        assert mirror.requests and not [headers for _, headers in mirror.requests if "Authorization" in headers], mirror.requests
    assert [headers for _, headers in origin.requests if headers.get("Authorization") == "Basic dXNlcjp3b3Jk"]


@pytest.mark.parametrize("entry", ['location = "intranet"', 'location = "127.0.0.1:1"\n[[registry.mirror]]\nlocation = "intranet"'])
def test_a_location_that_names_no_host_is_refused(bolt, entry):
    """Else it would be somebody's folder at the default registry."""
    configure(bolt, f'[[registry]]\nprefix = "reg.example.invalid"\n{entry}\n')
    done = bolt("pull", "--quiet", "reg.example.invalid/app:1")
    assert done.code == 1 and "location 'intranet' names no host; write one with a dot or a port" in done.err, done


@pytest.mark.parametrize("scope, name, is_rejected", [
    ("*.example.invalid", "reg.example.invalid:5000/app:1", True),
    ("*.example.invalid", "reg.example.invalid/app:1", True),
    ("*.example.invalid:5000", "reg.example.invalid:5000/app:1", False),
    ("REG.example.invalid:5000", "reg.EXAMPLE.invalid:5000/app:1", True),
    ("reg.example.invalid:05000/app", "reg.example.invalid:5000/app:1", True),
    ("*.EXAMPLE.invalid", "reg.example.invalid/app:1", True),
])
def test_a_policys_scope_is_every_way_to_write_the_host(bolt, scope, name, is_rejected):
    configure(bolt, json.dumps({"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {scope: [{"type": "reject"}]}}}), "policy.json")
    done = bolt("pull", "--quiet", name)
    assert done.code != 0 and ("policy.json'" in done.err and "rejects '" in done.err) == is_rejected, done


def test_one_scope_written_twice_is_refused(bolt):
    configure(bolt, json.dumps({"default": [{"type": "reject"}], "transports": {"docker": {"a.invalid": [{"type": "reject"}], "A.invalid": [{"type": "insecureAcceptAnything"}]}}}), "policy.json")
    done = bolt("pull", "--quiet", "a.invalid/app:1")
    assert done.code == 1 and "docker: a.invalid is there twice" in done.err.lower(), done


def test_a_file_of_registries_that_is_named_may_be_relative_and_must_be_readable(bolt, two, monkeypatch):
    monkeypatch.chdir(bolt.top) # where an ordinary user may go
    host = two[0].host
    configure(bolt, f'[[registry]]\nlocation = "{host}"\nblocked = true\n', "mine.conf")
    place = f"{bolt.top}/home/.config/containers"
    bolt.environment["CONTAINERS_REGISTRIES_CONF"] = os.path.relpath(f"{place}/mine.conf")
    done = bolt("pull", f"{host}/app:1")
    assert done.code == 1 and f"registry '{host}' is blocked in '{os.getcwd()}/{os.path.relpath(place)}/mine.conf'" in done.err, done


@pytest.mark.parametrize("variable", ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG"])
def test_logins_in_a_file_with_a_relative_name(bolt, two, variable, monkeypatch):
    monkeypatch.chdir(bolt.top)
    origin, _ = two
    origin.add(image("x"), "1")
    origin.script = asks_for_login
    configure(bolt, json.dumps({"auths": {origin.host: {"auth": "dXNlcjp3b3Jk"}}}), "config.json")
    place = os.path.relpath(f"{bolt.top}/home/.config/containers")
    bolt.environment[variable] = place if variable == "DOCKER_CONFIG" else f"{place}/config.json"
    pulled(bolt, f"{origin.host}/app:1")


def test_no_login_is_needed_where_there_is_no_home(bolt, two):
    """A registry that asks first is told that there is none, not that a file is missing."""
    origin, _ = two
    origin.script = asks_for_login
    bolt.environment.pop("HOME")
    done = bolt("pull", f"{origin.host}/app:1")
    assert done.code == 1 and "needs a login" in done.err and "no credentials file" not in done.err, done
