"""bolt image sign, verify and trust: both ways with Debian 13's cosign, and with its skopeo and oras."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from bolt_runner import bolt, bolt_with_store  # noqa: F401: fixtures

pytestmark = pytest.mark.patience(300)
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"
WITHOUT_LOG = ("--insecure-ignore-tlog", "--allow-http-registry")
ALGORITHMS = {"ecdsa": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"), "ed25519": ("ED25519",), "rsa": ("RSA",), "p384": ("EC", "-pkeyopt", "ec_paramgen_curve:P-384")}


class Keys:
    def __init__(self, place):
        self.place = place
        place.chmod(0o755)
        for name, words in {**ALGORITHMS, "other": ALGORITHMS["ecdsa"]}.items():
            subprocess.run(["openssl", "genpkey", "-algorithm", *words, "-out", place / f"{name}.key"], check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", place / f"{name}.key", "-pubout", "-out", place / f"{name}.pub"], check=True)
            (place / f"{name}.key").chmod(0o644)

    def __call__(self, name):
        return str(self.place / name)


@pytest.fixture(scope="module")
def keys():
    place = pathlib.Path(tempfile.mkdtemp(prefix="bolt-keys-", dir="/var/tmp"))
    yield Keys(place)
    shutil.rmtree(place)


@pytest.fixture
def image(bolt, registry, request):
    """A repository of the test's own: signatures of one image would be found by all tests, since its digest is the same."""
    name = f"{registry.host}/{request.node.originalname.replace('_', '-')[:60]}/u{bolt.user}-{abs(hash(request.node.name)) % 10**8}:1"
    bolt.ok("push", "-q", "bolt://shell", name)
    return name


@pytest.fixture
def policy(bolt, keys):
    """Writes the user's own policy; the host's, where root would have it, is left alone."""
    path = pathlib.Path(bolt.top) / "home/.config/containers/policy.json"

    def write(scopes, default="insecureAcceptAnything", transport="docker"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"default": [{"type": default}], "transports": {transport: scopes}}))

    yield write
    path.unlink(missing_ok=True)


def signed_by(key, **identity):
    return [{"type": "sigstoreSigned", "keyPath": key, **({"signedIdentity": identity} if identity else {})}]


def raw(name):
    return subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"], check=True, capture_output=True).stdout


def digest_of(name):
    return subprocess.run(["skopeo", "inspect", "--format", "{{.Digest}}", "--tls-verify=false", f"docker://{name}"], check=True, capture_output=True, text=True).stdout.strip()


def repository_of(name):
    return name.rsplit(":", 1)[0]


# ---- what bolt signs


@pytest.mark.parametrize("kind", ["ecdsa", "ed25519"])
def test_cosign_and_skopeo_verify_what_bolt_signs(bolt, image, keys, debian13, kind):
    assert bolt.ok("image", "sign", "--key", keys(f"{kind}.key"), "-a", "build=7", image).splitlines() == [f"Signed {image}", f"{repository_of(image)}@{digest_of(image)}"]
    said = debian13.run("cosign", "verify", "--key", keys(f"{kind}.pub"), *WITHOUT_LOG, "-a", "build=7", image)
    assert said.returncode == 0, said
    claim = json.loads(said.stdout)[0]
    assert claim["critical"]["identity"]["docker-reference"] == image and claim["critical"]["image"]["docker-manifest-digest"] == digest_of(image)
    assert debian13.run("cosign", "verify", "--key", keys("other.pub"), *WITHOUT_LOG, image).returncode != 0

    settings = debian13.place / "registries.d"
    settings.mkdir(exist_ok=True)
    (settings / "attachments.yaml").write_text(f"docker:\n  {image.split('/')[0]}:\n    use-sigstore-attachments: true\n")
    for public, outcome in ((f"{kind}.pub", 0), ("other.pub", 1)):
        (debian13.place / "policy.json").write_text(json.dumps({"default": [{"type": "reject"}], "transports": {"docker": {"": signed_by(keys(public))}}}))
        target = tempfile.mkdtemp(dir=debian13.place)
        copied = debian13.run("skopeo", "--policy", debian13.place / "policy.json", "--registries.d", settings, "copy", "--src-tls-verify=false", f"docker://{image}", f"dir:{target}")
        assert (copied.returncode != 0) == outcome, copied


@pytest.mark.parametrize("kind", ["ecdsa", "ed25519"])
def test_cosign_verifies_bolts_bundles(bolt, image, keys, debian13, kind):
    bolt.ok("image", "sign", "-q", "--form", "bundle", "--key", keys(f"{kind}.key"), image)
    work = pathlib.Path(tempfile.mkdtemp(dir=debian13.place))
    for directory in (debian13.place, work):
        directory.chmod(0o777)
    [digest] = bolt.ok("artifact", "ls", "-q", "--type", BUNDLE, image).splitlines()
    [name] = bolt.ok("artifact", "pull", "-o", str(work), f"{repository_of(image)}@{digest}").splitlines()
    (work / "manifest").write_bytes(raw(image))
    (work / "other").write_bytes(b"another")
    (work / "root.json").write_text('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')

    def verify(public, manifest):
        return debian13.run("cosign", "verify-blob-attestation", "--new-bundle-format", "--trusted-root", work / "root.json", "--bundle", work / name, "--key", keys(public), "--type", SIGN,
                            "--insecure-ignore-tlog", work / manifest)
    good = verify(f"{kind}.pub", "manifest")
    assert good.returncode == 0 and "Verified OK" in good.stderr, good
    assert verify("other.pub", "manifest").returncode != 0 and verify(f"{kind}.pub", "other").returncode != 0


def test_signing_twice_adds_nothing_and_another_key_adds_its_own(bolt, image, keys):
    tag = f"{repository_of(image)}:{digest_of(image).replace(':', '-')}.sig"
    for _ in range(2):
        bolt.ok("image", "sign", "-q", "--key", keys("ecdsa.key"), image)
    assert len(json.loads(raw(tag))["layers"]) == 1 and len(bolt.ok("artifact", "ls", "-q", image).splitlines()) == 1
    bolt.ok("image", "sign", "-q", "--key", keys("other.key"), image)
    assert len(json.loads(raw(tag))["layers"]) == 2 and len(bolt.ok("artifact", "ls", "-q", image).splitlines()) == 2
    for public in ("ecdsa.pub", "other.pub"):
        assert bolt.ok("image", "verify", "--key", keys(public), image).splitlines() == [f"Verified: tag as {image}", f"Verified: bundle as {image}", f"{repository_of(image)}@{digest_of(image)}"]


def test_a_push_signs(bolt, image, keys):
    name = image.replace(":1", ":2")
    assert bolt.ok("push", "-q", "--sign-by-sigstore-private-key", keys("ecdsa.key"), "bolt://shell", name) == name
    assert f"Verified: tag as {name}" in bolt.ok("image", "verify", "--key", keys("ecdsa.pub"), name)
    bad = bolt("push", "-q", "--sign-by-sigstore-private-key", keys("ecdsa.pub"), "bolt://shell", image.replace(":1", ":3"))
    assert bad.code == 1 and "no private key in PEM" in bad.err
    assert bolt("pull", "-q", image.replace(":1", ":3")).code == 1, "nothing is pushed when it cannot be signed"


def test_an_indexs_images_are_signed_with_recursive(bolt, image, keys):
    index = image.replace(":1", ":index")
    bolt("manifest", "rm", index)
    bolt.ok("manifest", "create", index, "bolt://shell")
    bolt.ok("manifest", "push", "-q", "--rm", index)
    bolt.ok("image", "sign", "-q", "-r", "--key", keys("ecdsa.key"), index)
    assert bolt("image", "verify", "--key", keys("ecdsa.pub"), index).code == 0
    assert f"Verified: tag as {index}" in bolt.ok("image", "verify", "--key", keys("ecdsa.pub"), image), "the image that the index names"


# ---- what others sign


def test_bolt_verifies_what_cosign_signs_and_signs_with_its_key(bolt, image, keys, debian13):
    work = pathlib.Path(tempfile.mkdtemp(dir=debian13.place))
    for directory in (debian13.place, work):
        directory.chmod(0o777)
    assert debian13.run("cosign", "generate-key-pair", cwd=work).returncode == 0
    (work / "cosign.key").chmod(0o644)
    signed = debian13.run("cosign", "sign", "--key", work / "cosign.key", "--tlog-upload=false", "--allow-http-registry", "-y", "-a", "who=me", image)
    assert signed.returncode == 0, signed
    public = str(work / "cosign.pub")
    assert bolt.ok("image", "verify", "--key", public, "-a", "who=me", image).splitlines()[0] == f"Verified: tag as {repository_of(image)}, who=me"
    other = bolt("image", "verify", "--key", public, "-a", "who=you", image)
    assert other.code == 1 and "no signature says who=you" in other.err
    wrong = bolt("image", "verify", "--key", keys("other.pub"), image)
    assert wrong.code == 1 and wrong.err.strip() == f"bolt: image verify {image}: none of its 1 signatures is by this key"

    sign = ("image", "sign", "--key", str(work / "cosign.key"), image)
    assert "there is no terminal to ask for the passphrase" in bolt(*sign).err
    for text, outcome in (("wrong\n", 1), ("a passphrase\nand more", 0)):
        (work / "passphrase").write_text(text)
        said = bolt("image", "sign", "--passphrase-file", str(work / "passphrase"), *sign[2:])
        assert said.code == outcome and (outcome == 0 or "the passphrase is wrong" in said.err), said
    assert f"Verified: bundle as {image}" in bolt.ok("image", "verify", "--key", public, image)


def test_bolt_verifies_bundles_that_cosign_makes(bolt, image, debian13):
    work = pathlib.Path(tempfile.mkdtemp(dir=debian13.place))
    for directory in (debian13.place, work):
        directory.chmod(0o777)
    assert debian13.run("cosign", "generate-key-pair", cwd=work).returncode == 0
    (work / "manifest").write_bytes(raw(image))
    (work / "predicate").write_text("{}")
    made = debian13.run("cosign", "attest-blob", "--key", work / "cosign.key", "--type", SIGN, "--predicate", work / "predicate", "--new-bundle-format", "--bundle", work / "bundle",
                        "--tlog-upload=false", "-y", work / "manifest")
    assert made.returncode == 0, made
    attached = debian13.run("oras", "attach", "--plain-http", "--artifact-type", BUNDLE, image, f"bundle:{BUNDLE}", cwd=work)
    assert attached.returncode == 0, attached
    assert bolt.ok("image", "verify", "--key", str(work / "cosign.pub"), image).splitlines()[0] == "Verified: bundle as manifest"


def test_an_encrypted_key_of_openssls(bolt, image, keys):
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", keys("ecdsa.key"), "-out", keys("locked.key"), "-passout", "pass:secret"], check=True)
    os.chmod(keys("locked.key"), 0o644)
    pathlib.Path(keys("secret")).write_text("secret\n")
    bolt.ok("image", "sign", "-q", "--key", keys("locked.key"), "--passphrase-file", keys("secret"), image)
    assert bolt("image", "verify", "--key", keys("ecdsa.pub"), image).code == 0
    pathlib.Path(keys("secret")).write_text("guess\n")
    assert "the passphrase is wrong" in bolt("image", "sign", "--key", keys("locked.key"), "--passphrase-file", keys("secret"), image).err


def test_a_signature_of_another_image_does_not_count(bolt, image, registry, keys):
    """Whoever may write to the registry can copy signatures, but they say of what they are."""
    other = image.replace(":1", ":other")
    registry.push(f"{bolt_layout()}/busybox.gzip", other.split("/", 1)[1])
    bolt.ok("image", "sign", "-q", "--form", "tag", "--key", keys("ecdsa.key"), image)
    manifest = raw(f"{repository_of(image)}:{digest_of(image).replace(':', '-')}.sig")
    repository = repository_of(image).split("/", 1)[1]
    registry.put_manifest(repository, digest_of(other).replace(":", "-") + ".sig", manifest, "application/vnd.oci.image.manifest.v1+json")
    said = bolt("image", "verify", "--key", keys("ecdsa.pub"), other)
    assert said.code == 1 and "none of its 1 signatures is by this key" in said.err
    document = json.loads(manifest)
    signature = document["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"]
    document["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"] = base64.b64encode(base64.b64decode(signature)[:-1] + b"\x00").decode()
    registry.put_manifest(repository, digest_of(image).replace(":", "-") + ".sig", json.dumps(document).encode(), "application/vnd.oci.image.manifest.v1+json")
    assert bolt("image", "verify", "--key", keys("ecdsa.pub"), image).code == 1


def bolt_layout():
    import debian_images  # pylint: disable=import-outside-toplevel
    return debian_images.directory()


@pytest.mark.parametrize("words, says", [
    (("sign", "{image}"), "name the private key with --key"), (("sign", "--key", "{keys}/rsa.key", "{image}"), "neither a key of ECDSA on P-256 nor one of Ed25519"),
    (("sign", "--key", "{keys}/p384.key", "{image}"), "neither a key of ECDSA on P-256 nor one of Ed25519"), (("sign", "--key", "/nowhere", "{image}"), "'/nowhere'"),
    (("sign", "-a", "a=1", "-a", "a=2", "--key", "{keys}/ecdsa.key", "{image}"), "annotation 'a' is given twice"), (("sign", "--key", "{keys}/ecdsa.key", "{image}none"), "does not exist"),
    (("verify", "--key", "{keys}/ecdsa.key", "{image}"), "no public key in PEM"), (("verify", "--key", "{keys}/ecdsa.pub", "{image}"), "it is not signed"),
    (("verify", "{image}"), "asks for no signature of it"), (("verify", "-a", "a=1", "{image}"), "--annotation needs --key"),
    (("trust", "set", "default"), "name a public key with --pubkeysfile"), (("trust", "-t", "signedBy", "set", "default"), "GPG signatures"), (("trust", "drop", "x"), "neither show nor set"),
    (("trust", "-t", "accept", "set", "docker://x"), "neither 'default' nor what full names begin with"), (("trust", "-t", "accept", "-f", "{keys}/ecdsa.pub", "set", "x.example"), "takes no key"),
    (("trust", "-f", "{keys}/ecdsa.key", "set", "x.example"), "no public key"), (("trust", "-t", "reject", "set", "x.example/*"), "neither 'default'"), (("trust", "-t", "reject", "set", "alpine"), "neither 'default'"), (("verify", "bolt://shell"), "is in no registry"), (("trust", "show", "nobody.example"), "says nothing about 'nobody.example'")])
def test_what_cannot_be_is_refused_by_name(bolt, image, keys, words, says):
    said = bolt("image", *(word.format(image=image, keys=keys.place) for word in words))
    assert said.code in (1, 125) and says in said.err and said.err.count("\n") == 1, said


# ---- the policy


def test_pull_and_run_take_what_the_policy_admits(bolt, image, keys, policy):
    policy({repository_of(image): signed_by(keys("ecdsa.pub"))})
    refused = bolt("pull", "-q", image)
    assert refused.code == 1 and f"(docker: {repository_of(image)}) does not admit '{image}': it has no signature" in refused.err, refused
    assert bolt("images", "-q", image).out == ""
    ran = bolt("run", "--rm", "--network", "none", image, "true")
    assert ran.code == 125 and "it has no signature" in ran.err
    bolt.ok("image", "sign", "-q", "--key", keys("other.key"), image)
    assert "none of its 2 signatures is by the required key" in bolt("pull", "-q", image).err
    bolt.ok("image", "sign", "-q", "--form", "bundle", "--key", keys("ecdsa.key"), image)
    assert bolt.ok("image", "verify", image).splitlines()[0] == f"Verified: as the policy asks (docker: {repository_of(image)})"
    assert bolt.ok("run", "--rm", "--network", "none", image, "echo", "it runs") == "it runs"
    bolt.ok("rmi", image)


def test_a_signed_index_admits_its_images(bolt, image, keys, policy):
    index = image.replace(":1", ":index")
    bolt("manifest", "rm", index)
    bolt.ok("manifest", "create", index, "bolt://shell")
    bolt.ok("manifest", "push", "-q", "--rm", index)
    bolt.ok("image", "sign", "-q", "--key", keys("ecdsa.key"), index)
    policy({repository_of(image): signed_by(keys("ecdsa.pub"))})
    bolt.ok("pull", "-q", index)
    bolt.ok("rmi", index)
    assert "it has no signature" in bolt("pull", "-q", image).err, "as cosign has it: the index alone was signed"


@pytest.mark.parametrize("identity, admits", [
    ({"type": "matchExact"}, False), ({"type": "matchRepoDigestOrExact"}, False), ({"type": "matchRepository"}, True),
    ({"type": "exactReference", "dockerReference": "{image}"}, True), ({"type": "exactReference", "dockerReference": "{repository}:9"}, False),
    ({"type": "exactRepository", "dockerRepository": "{repository}"}, True), ({"type": "exactRepository", "dockerRepository": "example.com/x"}, False),
    ({"type": "remapIdentity", "prefix": "{host}", "signedPrefix": "example.com"}, False)])
def test_the_name_that_was_signed_counts(bolt, image, keys, policy, identity, admits):
    """The same image under another tag: signed as 1, asked for as 2."""
    bolt.ok("image", "sign", "-q", "--key", keys("ecdsa.key"), image)
    moved = image.replace(":1", ":2")
    bolt.ok("push", "-q", "bolt://shell", moved)
    host = image.split("/")[0]
    filled = {key: value.format(image=image, repository=repository_of(image), host=host) for key, value in identity.items()}
    policy({host: signed_by(keys("ecdsa.pub"), **filled)})
    said = bolt("image", "verify", "-q", moved)
    assert (said.code == 0) == admits, said
    assert admits or f"it is signed, but as '{image}'" in said.err, said
    if identity["type"].startswith("match"):
        assert (bolt("image", "verify", "-q", image).code == 0), "under its own name"


def test_a_copy_is_admitted_under_the_originals_name(bolt, image, keys, policy):
    bolt.ok("image", "sign", "-q", "--key", keys("ecdsa.key"), image)
    host, below = image.split("/", 1)
    folder = below.split("/")[0]
    copy = f"{host}/copies-of-{folder}/{below.split('/')[1]}"
    bolt.ok("push", "-q", "bolt://shell", copy)
    subprocess.run(["skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{repository_of(image)}:{digest_of(image).replace(':', '-')}.sig",
                    f"docker://{repository_of(copy)}:{digest_of(image).replace(':', '-')}.sig"], check=True)
    policy({f"{host}/copies-of-{folder}": signed_by(keys("ecdsa.pub"))})
    assert "it is signed, but as" in bolt("image", "verify", copy).err
    policy({f"{host}/copies-of-{folder}": signed_by(keys("ecdsa.pub"), type="remapIdentity", prefix=f"{host}/copies-of-{folder}", signedPrefix=f"{host}/{folder}")})
    assert bolt("image", "verify", copy).code == 0


@pytest.mark.parametrize("requirement, says", [
    ([{"type": "reject"}], "rejects"), ([{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/x"}], "asks for a GPG signature (signedBy)"),
    ([{"type": "sigstoreSigned", "fulcio": {}}], "'fulcio' is not supported"), ([{"type": "sigstoreSigned"}], "needs one of keyPath"),
    ([{"type": "sigstoreSigned", "keyPath": "/nowhere.pub"}], "/nowhere.pub"), ([{"type": "sigstoreSigned", "keyData": "!"}], "not base64"),
    ([{"type": "sigstoreSigned", "keyPath": "/x", "extra": 1}], "'extra' is not known"), ([{"type": "trustMe"}], "requirement 'trustMe' is not known"), ([], "no list of requirements")])
def test_a_policy_that_cannot_be_met_or_understood_admits_nothing(bolt, image, policy, requirement, says):
    policy({repository_of(image): requirement})
    said = bolt("pull", "-q", image)
    assert said.code == 1 and says in said.err and said.err.count("\n") == 1, said
    assert bolt("images", "-q", image).out == ""


def test_the_longest_name_counts_and_keys_may_stand_in_the_policy(bolt, image, keys, policy):
    host, repository = image.split("/")[0], repository_of(image)
    bolt.ok("image", "sign", "-q", "--key", keys("ecdsa.key"), image)
    inline = [{"type": "sigstoreSigned", "keyData": base64.b64encode(pathlib.Path(keys("ecdsa.pub")).read_bytes()).decode()}]
    policy({host: inline, repository: [{"type": "reject"}]}, default="reject")
    assert "rejects" in bolt("pull", "-q", image).err
    policy({host: inline, "other.example": [{"type": "reject"}]}, default="reject")
    bolt.ok("pull", "-q", image)
    bolt.ok("rmi", image)
    assert "(default) rejects" in bolt("pull", "-q", "elsewhere.example/x").err
    policy({"*.0.0.1": inline}, default="reject") # a wildcard names domains, whatever the port
    bolt.ok("pull", "-q", image)
    bolt.ok("rmi", image)


def test_archives_need_a_policy_that_asks_for_nothing(bolt, registry, policy):
    archive = f"{bolt.top}/home/archive.tar"
    for transport in ("docker-archive", "oci-archive"):
        subprocess.run(["skopeo", "copy", "--quiet", f"oci:{bolt_layout()}/busybox.gzip:latest", f"{transport}:{archive}:localhost/loaded:1"], check=True)
        policy({"": [{"type": "reject"}]}, transport=transport)
        refused = bolt("load", "-i", archive)
        assert refused.code == 1 and f"rejects images of {transport}" in refused.err, refused
        policy({"": [{"type": "insecureAcceptAnything"}]}, default="reject", transport=transport)
        bolt.ok("load", "-i", archive)
        os.unlink(archive)
    policy({}, default="reject")
    bolt.ok("pull", "-q", "bolt://shell")  # installed with bolt


def test_trust_shows_and_changes_the_policy(bolt, keys, policy):
    path = f"{bolt.top}/home/policy.json"
    shown = ("image", "trust", "--policypath", path, "--format", "{{.Transport}} {{.Name}} {{.Type}} {{.Keys}}", "show")
    bolt.ok("image", "trust", "--policypath", path, "-t", "reject", "set", "default")
    bolt.ok("image", "trust", "--policypath", path, "-f", keys("ecdsa.pub"), "-f", keys("other.pub"), "set", "registry.example.com/team")
    bolt.ok("image", "trust", "--policypath", path, "-t", "accept", "set", "*.example.net")
    assert [line.rstrip() for line in bolt.ok(*shown).splitlines()] == ["all default reject", f"repository registry.example.com/team sigstoreSigned {keys('ecdsa.pub')},{keys('other.pub')}", "repository *.example.net accept"]
    assert bolt.ok(*shown, "*.example.net").rstrip() == "repository *.example.net accept"
    assert json.loads(bolt.ok("image", "trust", "--policypath", path, "--raw", "show")) == json.load(open(path, encoding="utf-8"))
    accepted = subprocess.run(["skopeo", "--policy", path, "inspect", "--tls-verify=false", "docker://127.0.0.1:9/x"], capture_output=True, text=True, check=False).stderr
    assert "policy" not in accepted, "what is written, others can read"
    before = open(path, encoding="utf-8").read()
    assert bolt("image", "trust", "--policypath", path, "-f", "/nowhere", "set", "x.example").code == 1
    assert open(path, encoding="utf-8").read() == before


def test_an_archive_is_judged_by_where_it_lies(bolt, policy):
    home = pathlib.Path(bolt.top) / "home"
    for name in ("good", "bad"):
        (home / name).mkdir(exist_ok=True)
    bolt.ok("save", "--format", "oci-archive", "-o", f"{home}/archive.tar", "bolt://shell")
    shutil.copy(home / "archive.tar", home / "bad/archive.tar")
    (home / "good/link.tar").symlink_to("../bad/archive.tar")
    policy({f"{home}/bad": [{"type": "reject"}]}, transport="oci-archive")
    for path in ("bad/archive.tar", "good/link.tar", "good/../bad/archive.tar"):
        assert "rejects images of oci-archive" in bolt("load", "-i", f"{home}/{path}").err, path
    with open(home / "bad/archive.tar", "rb") as redirected:
        said = subprocess.run(bolt.arguments(["load"]), env=bolt.environment, stdin=redirected, capture_output=True, text=True, check=False)
    assert said.returncode == 1 and "rejects" in said.stderr
    bolt.ok("load", "-i", f"{home}/archive.tar")


def test_a_short_name_is_judged_by_the_registry_that_has_it(bolt, image, keys, policy):
    conf = pathlib.Path(bolt.top) / "home/.config/containers/registries.conf"
    bolt.ok("image", "sign", "-q", "--key", keys("other.key"), image)
    host, short = image.split("/", 1)
    policy({host: signed_by(keys("ecdsa.pub")), "docker.io": signed_by(keys("other.pub"), type="exactRepository", dockerRepository=repository_of(image))})
    conf.write_text(f'unqualified-search-registries = ["{host}"]\n')
    try:
        said = bolt("image", "verify", short)
        assert said.code == 1 and f"(docker: {host})" in said.err, said
        assert bolt.ok("image", "verify", "-q", "--key", keys("other.pub"), short) == f"{repository_of(image)}@{digest_of(image)}"
    finally:
        conf.unlink()


def test_what_cannot_be_read_does_not_hide_a_good_signature(bolt, image, keys, debian13):
    """Whoever may write to the registry may add referrers."""
    bolt.ok("image", "sign", "-q", "--form", "tag", "--key", keys("ecdsa.key"), image)
    work = pathlib.Path(tempfile.mkdtemp(dir=debian13.place))
    for number, text in enumerate(("[" * 100, "{}", "x", '{"dsseEnvelope": {"signatures": [{"sig": 1}]}}', "y" * (2 << 20))):
        (work / f"bundle{number}").write_text(text)
        assert debian13.run("oras", "attach", "--plain-http", "--artifact-type", BUNDLE, image, f"bundle{number}:{BUNDLE}", cwd=work).returncode == 0
    assert bolt.ok("image", "verify", "--key", keys("ecdsa.pub"), image).splitlines()[0] == f"Verified: tag as {image}"
    bolt.ok("image", "sign", "-q", "--key", keys("other.key"), image)
    assert len(bolt.ok("image", "verify", "--key", keys("other.pub"), image).splitlines()) == 3
    unsigned = bolt("image", "verify", "--key", keys("rsa.pub"), image)
    assert unsigned.code == 1 and "none of its" in unsigned.err, unsigned


def test_several_at_once_lose_nothing(bolt, image, keys):
    signing = [bolt.begin("image", "sign", "-q", "--key", keys("ecdsa.key"), "-a", f"n={number}", image) for number in range(6)]
    assert [process.wait(timeout=120) for process in signing] == [0] * 6
    said = bolt.ok("image", "verify", "--key", keys("ecdsa.pub"), image)
    for form in ("tag", "bundle"):
        assert [number for number in range(6) if f"Verified: {form} as {image}, n={number}" in said] == list(range(6)), said
    path = f"{bolt.top}/home/shared.json"
    setting = [bolt.begin("image", "trust", "--policypath", path, "-t", "reject", "set", f"host{number}.example") for number in range(8)]
    assert [process.wait(timeout=60) for process in setting] == [0] * 8
    assert len(bolt.ok("image", "trust", "--policypath", path, "--format", "{{.Name}}", "show").splitlines()) == 9


def test_a_key_that_would_take_for_ever_is_refused(bolt, image, keys):
    document = {"kdf": {"name": "scrypt", "params": {"N": 1 << 20, "r": 8, "p": 64}, "salt": "AAAA"}, "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(bytes(24)).decode()},
                "ciphertext": base64.b64encode(bytes(100)).decode()}
    text = base64.b64encode(json.dumps(document).encode()).decode()
    pathlib.Path(keys("slow.key")).write_text(f"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{text}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    said = bolt("image", "sign", "--key", keys("slow.key"), "--passphrase-file", keys("ecdsa.pub"), image, timeout=20)
    assert said.code == 1 and "its parameters are out of bounds" in said.err, said


# ---- artifacts, with oras


def test_oras_and_bolt_exchange_artifacts(bolt, image, debian13):
    work = pathlib.Path(tempfile.mkdtemp(dir=debian13.place))
    for directory in (debian13.place, work):
        directory.chmod(0o777)
    (work / "model.bin").write_bytes(os.urandom(100_000))
    name, back = f"{repository_of(image)}:model", f"{repository_of(image)}:back"
    pushed = debian13.run("oras", "push", "--plain-http", "--artifact-type", "application/vnd.example.model", name, "model.bin:application/octet-stream", cwd=work)
    assert pushed.returncode == 0, pushed
    (work / "out").mkdir(mode=0o777)
    (work / "out").chmod(0o777)
    assert bolt.ok("artifact", "pull", "-o", str(work / "out"), name) == "model.bin"
    assert (work / "out/model.bin").read_bytes() == (work / "model.bin").read_bytes()
    bolt.ok("artifact", "push", "-q", "--type", "application/vnd.example.model", back, str(work / "model.bin"))
    bolt.ok("artifact", "push", "-q", "--subject", image, "--type", "application/spdx+json", str(work / "model.bin"))
    fetched = debian13.run("oras", "pull", "--plain-http", "-o", "back", back, cwd=work)
    assert fetched.returncode == 0 and (work / "back/model.bin").read_bytes() == (work / "model.bin").read_bytes(), fetched
    found = debian13.run("oras", "discover", "--plain-http", "--format", "json", image)
    assert [entry["artifactType"] for entry in json.loads(found.stdout)["manifests"]] == ["application/spdx+json"], found
    assert debian13.run("oras", "attach", "--plain-http", "--artifact-type", "text/x-note", image, "model.bin:text/plain", cwd=work).returncode == 0
    assert sorted(bolt.ok("artifact", "ls", "--format", "{{.Type}}", image).splitlines()) == ["application/spdx+json", "text/x-note"]
