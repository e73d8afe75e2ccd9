"""Real images from Debian's packages: a base, nginx and redis on it, and a busybox; as OCI layouts that skopeo can push.

Made once a recipe (this file) and kept in CACHE. The packages come from the sources that apt on this machine has, so no host is
named here.
"""
import fcntl
import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import stat
import subprocess
import tarfile

CACHE = os.environ.get("BOLT_TEST_CACHE", "/var/cache/bolt-tests")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
SUITE = "bookworm"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Not in a layer: what apt only needed to install, and device nodes, which no ordinary user may make.
LEFT_OUT = ("dev/", "proc/", "sys/", "run/", "tmp/", "var/cache/apt/", "var/lib/apt/", "var/log/", "usr/sbin/policy-rc.d")

MEDIA = "application/vnd.oci.image"
INDEX, MANIFEST = f"{MEDIA}.index.v1+json", f"{MEDIA}.manifest.v1+json"


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def compressed(content, how):
    if how == "gzip":
        return gzip.compress(content, 1, mtime=0)
    return subprocess.run(["zstd", "-q", "-3", "-c"], input=content, stdout=subprocess.PIPE, check=True).stdout


class Layout:
    """An OCI image layout with one image named `latest`; layers are uncompressed archives, the lowest first."""

    def __init__(self, path, layers, config, compression="gzip"):
        self.path = path
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(f"{path}/blobs/sha256")
        packed = [self.blob(compressed(layer, compression), f"{MEDIA}.layer.v1.tar+{compression}") for layer in layers]
        document = {"architecture": ARCHITECTURE, "os": "linux", "config": config,
                    "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": packed,
                    "config": self.blob(json.dumps(document).encode(), f"{MEDIA}.config.v1+json")}
        entry = self.blob(json.dumps(manifest).encode(), manifest["mediaType"])
        entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        self.write("oci-layout", {"imageLayoutVersion": "1.0.0"})
        self.write("index.json", {"schemaVersion": 2, "manifests": [entry]})

    def blob(self, content, kind):
        digest = digest_of(content)
        with open(f"{self.path}/blobs/sha256/{digest[7:]}", "wb") as file:
            file.write(content)
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    def write(self, name, document):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            json.dump(document, file)


def entries(top):
    """{path below top: lstat}, without what no layer holds."""
    found = {}
    for folder, folders, names in os.walk(top):
        below = os.path.relpath(folder, top)
        for name in folders + names:
            path = os.path.normpath(os.path.join(below, name))
            if not (path + "/").startswith(LEFT_OUT) or path + "/" in LEFT_OUT:
                found[path] = os.lstat(os.path.join(folder, name))
    return found


def same(one, other):
    return (one.st_mode, one.st_uid, one.st_gid, stat.S_ISDIR(one.st_mode) or one.st_size, stat.S_ISDIR(one.st_mode) or one.st_mtime_ns) == \
        (other.st_mode, other.st_uid, other.st_gid, stat.S_ISDIR(other.st_mode) or other.st_size, stat.S_ISDIR(other.st_mode) or other.st_mtime_ns)


def layer_of(top, below=None):
    """The archive of a tree, or of what differs from the tree below it: whiteouts for what is gone. Both come from the same
    packages, whose files keep their times."""
    now, before = entries(top), entries(below) if below else {}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(now):
            if path not in before or not same(now[path], before[path]):
                archive.add(os.path.join(top, path), path, recursive=False)
        for path in sorted(set(before) - set(now)):
            if os.path.dirname(path) in now or not os.path.dirname(path):
                archive.addfile(tarfile.TarInfo(os.path.join(os.path.dirname(path), ".wh." + os.path.basename(path))))
    return out.getvalue()


def sources():
    def first(label):
        listed = subprocess.run(["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages"], check=True, capture_output=True, text=True)
        return next((line.split("|")[1] for line in listed.stdout.splitlines() if line.startswith(label + "|")), None)
    main = first("Debian")
    if not main:
        raise RuntimeError("apt on this machine has no Debian source (run apt-get update first)")
    return [f"deb {main} {SUITE} main"]


def install(root, *packages):
    """A Debian in the directory `root`, with these packages."""
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale", "info")]
    included = [f"--include={','.join(packages)}"] if packages else []
    # A mirror may be a snapshot, whose Release files have expired.
    subprocess.run(["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet", '--aptopt=Acquire::Check-Valid-Until "false"',
                    '--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io", *excluded, *included,
                    SUITE, root, *sources()], check=True)


def make_debian(work):
    for root, packages in (("base", ()), ("nginx", ("nginx-light",)), ("redis", ("redis-server",))):
        install(f"{work}/{root}", *packages)
    base = layer_of(f"{work}/base")
    site = io.BytesIO()
    with tarfile.open(fileobj=site, mode="w") as archive:
        page = b"served from a container\n"
        entry = tarfile.TarInfo("var/www/html/index.html")
        entry.size, entry.mode = len(page), 0o644
        archive.addfile(entry, io.BytesIO(page))
        # The archive of the packages leaves out what is below /var/log: nginx wants its directory.
        for name, owner in (("var/log/nginx", 33), ("var/log/redis", 0)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.uid = tarfile.DIRTYPE, 0o755, owner
            archive.addfile(entry)
    nginx = [base, layer_of(f"{work}/nginx", f"{work}/base"), site.getvalue()]
    redis = [base, layer_of(f"{work}/redis", f"{work}/base")]
    serve = {"Cmd": ["nginx", "-g", "daemon off; error_log /dev/stderr;"], "Env": [PATH], "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"}
    keep = {"Cmd": ["redis-server", "--bind", "127.0.0.1", "--dir", "/data", "--save", "", "--appendonly", "yes"], "Env": [PATH],
            "Volumes": {"/data": {}}, "WorkingDir": "/data"}
    for how in ("gzip", "zstd"):
        Layout(f"{work}/debian-nginx.{how}", nginx, serve, how)
        Layout(f"{work}/debian-redis.{how}", redis, keep, how)


def make_busybox(work):
    with open("/bin/busybox", "rb") as file:
        program = file.read()
    applets = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()

    def archive_of(files):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, kind, content, mode in files:
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = kind, mode
                if kind == tarfile.SYMTYPE:
                    entry.linkname = content
                entry.size = len(content) if kind == tarfile.REGTYPE else 0
                archive.addfile(entry, io.BytesIO(content) if kind == tarfile.REGTYPE else None)
        return out.getvalue()
    folders = [(name, tarfile.DIRTYPE, "", 0o755) for name in ("bin", "dev", "etc", "proc", "sys")] + [("tmp", tarfile.DIRTYPE, "", 0o1777)]
    lower = archive_of(folders + [("bin/busybox", tarfile.REGTYPE, program, 0o755), ("etc/passwd", tarfile.REGTYPE, b"root:x:0:0::/:/bin/sh\n", 0o644)])
    upper = archive_of([(f"bin/{applet}", tarfile.SYMTYPE, "busybox", 0o777) for applet in applets if applet != "busybox"])
    for how in ("gzip", "zstd"):
        Layout(f"{work}/busybox.{how}", [lower, upper], {"Cmd": ["sh"], "Env": [PATH]}, how)


def directory():
    """Where the layouts NAME.gzip and NAME.zstd are; makes them when the cache has none of this recipe."""
    with open(__file__, "rb") as file:
        key = hashlib.sha256(file.read()).hexdigest()[:16]
    made = f"{CACHE}/images-{key}"
    os.makedirs(CACHE, exist_ok=True)
    with open(f"{CACHE}/lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(made):
            for old in os.listdir(CACHE):
                if old.startswith("images-"):
                    shutil.rmtree(f"{CACHE}/{old}")
            work = made + ".new"
            shutil.rmtree(work, ignore_errors=True)
            os.mkdir(work)
            make_debian(work)
            make_busybox(work)
            for root in ("base", "nginx", "redis"):
                shutil.rmtree(f"{work}/{root}")
            os.rename(work, made)
    return made


if __name__ == "__main__":
    print(directory())
