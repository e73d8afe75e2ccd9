"""bolt login and logout: in files that docker and podman read too, and in programs that keep logins."""
import base64
import json
import os
import stat

import pytest

from bolt_runner import USER, Bolt
from scripted_registry import ScriptedRegistry
from terminal_session import Session

CORRECT = "Basic " + base64.b64encode(b"ann:open sesame").decode()


@pytest.fixture(params=["root", "user"])
def bolt(request):
    if os.geteuid() != 0:
        pytest.skip("changing users needs root")
    made = Bolt(USER if request.param == "user" else 0)
    yield made
    made.remove()


@pytest.fixture(params=["token", "basic"])
def registry(request):
    made = ScriptedRegistry()

    def script(asked):
        sent = asked.headers.get("Authorization", "")
        if asked.path.startswith("/token"):
            return asked.answer(200, b'{"token": "yes"}') if sent == CORRECT else asked.answer(401)
        if sent == ("Bearer yes" if request.param == "token" else CORRECT):
            return asked.answer(200, b"{}") if asked.path == "/v2/" else None
        asks = f'Bearer realm="http://{made.host}/token",service="s"' if request.param == "token" else 'Basic realm="r"'
        return asked.answer(401, WWW_Authenticate=asks)

    made.script = script
    yield made
    made.close()


def write(bolt, path, content, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    os.chmod(path, mode)
    for place in (path, os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
        if place.startswith(bolt.top):
            os.chown(place, bolt.user, bolt.user)


def own_file(bolt):
    return f"{bolt.top}/home/.config/containers/auth.json"


def auths(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)["auths"]


def log_in(bolt, registry, *options, password="open sesame\n"):
    return bolt("login", "--username", "ann", "--password-stdin", *options, registry.host, stdin=password)


def test_a_login_is_kept_and_taken_back(bolt, registry):
    done = log_in(bolt, registry)
    assert done.code == 0 and done.out == f"Login Succeeded, kept in '{own_file(bolt)}'\n", done
    assert stat.S_IMODE(os.stat(own_file(bolt)).st_mode) == 0o600 and os.stat(own_file(bolt)).st_uid == bolt.user
    assert auths(own_file(bolt)) == {registry.host: {"auth": base64.b64encode(b"ann:open sesame").decode()}}
    assert bolt.ok("login", "--get-login", registry.host) == "ann"
    assert bolt.ok("logout", registry.host) == f"Removed the login to {registry.host} from '{own_file(bolt)}'"
    assert auths(own_file(bolt)) == {}
    for words in (["logout", registry.host], ["login", "--get-login", registry.host]):
        done = bolt(*words)
        assert done.code == 1 and f"nobody is logged in to '{registry.host}'" in done.err and done.err.count("\n") == 1


def test_a_wrong_password_is_kept_nowhere(bolt, registry):
    done = log_in(bolt, registry, password="guess")
    assert done.code == 1 and "does not take this user name and password" in done.err and done.err.count("\n") == 1, done
    assert not os.path.exists(own_file(bolt))


def test_the_file_that_counts_is_changed_and_the_rest_of_it_stays(bolt, registry):
    runtime, dockers = f"{bolt.top}/run/containers/auth.json", f"{bolt.top}/home/.docker/config.json"
    write(bolt, runtime, {"auths": {"other.example": {"auth": "b3RoZXI6eA=="}}})
    write(bolt, dockers, {"auths": {f"https://{registry.host}/v1/": {"auth": base64.b64encode(b"old:old").decode()}}, "psFormat": "table", "detachKeys": "ctrl-x"})
    assert f"'{dockers}'" in log_in(bolt, registry).out
    with open(dockers, encoding="utf-8") as file:
        kept = json.load(file)
    assert kept["psFormat"] == "table" and kept["detachKeys"] == "ctrl-x" and len(kept["auths"]) == 1
    assert bolt.ok("login", "--get-login", registry.host) == "ann" and not os.path.exists(own_file(bolt))
    assert "other.example" in auths(runtime)
    bolt.ok("logout", "--all")
    assert auths(runtime) == {} and auths(dockers) == {}


def test_a_chosen_file(bolt, registry):
    chosen = f"{bolt.top}/home/chosen.json"
    assert log_in(bolt, registry, "--authfile", chosen).code == 0
    assert list(auths(chosen)) == [registry.host] and not os.path.exists(own_file(bolt))
    assert bolt("login", "--get-login", registry.host).code == 1
    assert bolt.ok("login", "--get-login", "--authfile", chosen, registry.host) == "ann"
    bolt.environment["REGISTRY_AUTH_FILE"] = chosen
    assert bolt.ok("login", "--get-login", registry.host) == "ann"


HELPER = """#!/bin/sh
id -u >> "$HOME/who"
case $1 in
store) cat > "$HOME/kept" ;;
get) read -r server; grep -q "\\"$server\\"" "$HOME/kept" 2>/dev/null && cat "$HOME/kept" || { echo credentials not found in native keychain; exit 1; } ;;
erase) rm -f "$HOME/kept" ;;
esac
"""


@pytest.mark.parametrize("way", ["credHelpers", "credsStore"])
def test_a_program_keeps_the_login(bolt, registry, way):
    write(bolt, f"{bolt.top}/home/bin/docker-credential-drawer", HELPER, 0o755)
    bolt.environment["PATH"] = f"{bolt.top}/home/bin:" + bolt.environment["PATH"]
    config = {"credHelpers": {registry.host: "drawer"}} if way == "credHelpers" else {"credsStore": "drawer"}
    write(bolt, f"{bolt.top}/home/.docker/config.json", config)
    done = log_in(bolt, registry)
    assert done.code == 0 and "credential helper 'drawer'" in done.out, done
    with open(f"{bolt.top}/home/kept", encoding="utf-8") as file:
        assert json.load(file) == {"ServerURL": registry.host, "Username": "ann", "Secret": "open sesame"}
    assert bolt.ok("login", "--get-login", registry.host) == "ann"
    done = bolt("pull", f"{registry.host}/app:1")
    assert "does not exist in registry" in done.err, done  # the login was right: it is 404 and not 401
    with open(f"{bolt.top}/home/who", encoding="utf-8") as file:
        assert set(file.read().split()) == {str(bolt.user)}  # outside the user namespace
    bolt.ok("logout", registry.host)
    assert not os.path.exists(f"{bolt.top}/home/kept")


def test_programs_of_registries_conf_are_asked_in_its_order(bolt, registry):
    write(bolt, f"{bolt.top}/home/bin/docker-credential-drawer", HELPER, 0o755)
    bolt.environment["PATH"] = f"{bolt.top}/home/bin:" + bolt.environment["PATH"]
    write(bolt, f"{bolt.top}/home/kept", {"ServerURL": registry.host, "Username": "ann", "Secret": "open sesame"})
    conf = f"{bolt.top}/home/.config/containers/registries.conf"
    for order, user in ((["drawer"], "ann"), (["drawer", "containers-auth.json"], "ann"), (["cupboard", "drawer"], "ann"), (["containers-auth.json", "drawer"], "bob"), (["containers-auth.json"], "bob")):
        write(bolt, conf, f"credential-helpers = {json.dumps(order)}\n")
        write(bolt, own_file(bolt), {"auths": {registry.host: {"auth": base64.b64encode(b"bob:wrong").decode()}}})
        assert bolt.ok("login", "--get-login", registry.host) == user, order
    write(bolt, own_file(bolt), {"auths": {}})
    write(bolt, conf, 'credential-helpers = ["containers-auth.json", "drawer"]\n')
    done = bolt("pull", f"{registry.host}/app:1")
    assert "does not exist in registry" in done.err, done
    write(bolt, conf, 'credential-helpers = ["cupboard"]\n')
    done = bolt("pull", f"{registry.host}/app:1")
    assert done.code == 1 and "credential-helpers of registries.conf" in done.err and "docker-credential-cupboard" in done.err and done.err.count("\n") == 1, done


def test_a_program_of_registries_conf_keeps_the_login(bolt, registry):
    write(bolt, f"{bolt.top}/home/bin/docker-credential-drawer", HELPER, 0o755)
    bolt.environment["PATH"] = f"{bolt.top}/home/bin:" + bolt.environment["PATH"]
    write(bolt, f"{bolt.top}/home/.config/containers/registries.conf", 'credential-helpers = ["drawer", "containers-auth.json"]\n')
    assert "credential helper 'drawer'" in log_in(bolt, registry).out and not os.path.exists(own_file(bolt))
    assert bolt.ok("login", "--get-login", registry.host) == "ann"
    assert "does not exist in registry" in bolt("pull", f"{registry.host}/app:1").err
    assert bolt.ok("logout", registry.host) == f"Removed the login to {registry.host} from credential helper 'drawer'"
    assert bolt("login", "--get-login", registry.host).code == 1


def test_a_program_that_fails_or_is_not_there(bolt, registry):
    write(bolt, f"{bolt.top}/home/.docker/config.json", {"credHelpers": {registry.host: "drawer"}})
    done = bolt("pull", f"{registry.host}/app:1")
    assert done.code == 1 and "docker-credential-drawer" in done.err and "credential helper" in done.err, done
    write(bolt, f"{bolt.top}/home/bin/docker-credential-drawer", "#!/bin/sh\necho the drawer is stuck; exit 3\n", 0o755)
    bolt.environment["PATH"] = f"{bolt.top}/home/bin:" + bolt.environment["PATH"]
    done = bolt("pull", f"{registry.host}/app:1")
    assert done.code == 1 and "exited with status 3: the drawer is stuck" in done.err, done


def test_a_login_for_this_once(bolt, registry):
    done = bolt("pull", "--creds", "ann:open sesame", f"{registry.host}/app:1")
    assert "does not exist in registry" in done.err, done
    done = bolt("pull", "--creds", "ann:guess", f"{registry.host}/app:1")
    assert "bolt login" in done.err and "guess" not in done.err, done
    done = bolt("pull", "--creds", "ann", f"{registry.host}/app:1")
    assert done.code == 125 and "USER:PASSWORD" in done.err, done


def test_at_a_terminal_the_password_is_not_shown(bolt, registry):
    session = Session(bolt.arguments(["login", registry.host]), bolt.environment)
    session.expect("User name for ")
    session.type("ann\n")
    session.expect("Password: ")
    session.type("open sesame\n")
    session.expect("Login Succeeded")
    assert session.end() == 0 and "open sesame" not in session.seen


@pytest.mark.parametrize("words, says", [
    (["--password-stdin", "reg.example"], "--password-stdin needs --username"),
    (["-u", "ann", "-p", "x", "--password-stdin", "reg.example"], "cannot be used together"),
    (["-u", "ann", "reg.example"], "there is no terminal to ask at"),
    (["-u", "a:b", "-p", "x", "reg.example"], "is no user name"),
    (["-u", "ann", "-p", "", "reg.example"], "the password is empty"),
    (["-u", "ann", "-p", "x", "not a host"], "is no registry"),
])
def test_what_is_wrong_is_told(bolt, words, says):
    done = bolt("login", *words)
    assert done.code == 1 and says in done.err and done.err.count("\n") == 1, done


def test_a_damaged_file_is_named_and_left(bolt, registry):
    write(bolt, own_file(bolt), "{nonsense")
    done = log_in(bolt, registry)
    assert done.code == 1 and own_file(bolt) in done.err, done
    with open(own_file(bolt), encoding="utf-8") as file:
        assert file.read() == "{nonsense"
