"""The store's cases: pulls, pushes, archives, commits and long lists, against podman, skopeo and the bare programs that do the same work.

A first turn is not counted; what a turn brought into a store is removed before the next one, and the files come from the page cache for
both.
"""
import contextlib
import gzip
import hashlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tarfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def quiet(command, **options):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


class Cost:
    """What a command and the processes that it waited for took. What others have left to be written is not waited for."""

    def __init__(self, command):
        os.sync()
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        quiet(command)
        self.wall = (time.perf_counter() - begin) * 1000
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.processor = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def layers_of_own_files(place, count, size):
    """Archives of this machine's own files, so that they compress as images do."""
    files = [os.path.join(folder, name) for folder, _, names in os.walk("/usr/lib") for name in names]
    files = sorted(f for f in files if os.path.isfile(f) and not os.path.islink(f) and os.path.getsize(f) < 20e6)
    random.Random(1).shuffle(files)
    for number in range(count):
        have, chosen = 0, []
        while files and have < size:
            chosen.append(files.pop())
            have += os.path.getsize(chosen[-1])
        archive = f"{place}/layer{number}.tar"
        subprocess.run(["tar", "-cf", archive, "--no-recursion", "-P", "--transform", "s,^/,,", "-T", "-"], input="\n".join(chosen), text=True, check=True)
        yield archive


class ImageBench:
    def __init__(self, bench):
        self.bench, self.user, self.home, self.work = bench, bench.user, bench.home, bench.work
        self.podman = [*self.user, "podman", "--cgroup-manager", "cgroupfs", "--runtime", "runc", "--log-level", "error"]
        self.archives = {}  # name -> packed layers

    def bolt(self, data):
        return [*self.user, f"BOLT_DATA_DIR={self.home}/{data}", self.bench.bolt]

    @contextlib.contextmanager
    def store(self, data):
        """For the bench's pairs."""
        self.bench.environment["BOLT_DATA_DIR"] = f"{self.home}/{data}"
        try:
            yield
        finally:
            del self.bench.environment["BOLT_DATA_DIR"]

    @contextlib.contextmanager
    def registry(self, name):
        """Its port."""
        config = os.path.join(self.work, f"{name}.yml")
        port = random.randint(20000, 40000)
        with open(config, "w", encoding="ascii") as file:
            file.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {self.work}/{name}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
        server = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            yield port
        finally:
            server.terminate()
            server.wait()
            shutil.rmtree(f"{self.work}/{name}", ignore_errors=True)

    def make_image(self, port, name, count, size, how):
        sys.path.insert(0, os.path.join(TOP, "images"))
        import make_layout
        layout = make_layout.Layout(os.path.join(self.work, name), "amd64")
        packed, ids = [], []
        self.archives[name] = []
        for archive in layers_of_own_files(self.work, count, size):
            with open(archive, "rb") as file:
                raw = file.read()
            os.unlink(archive)
            ids.append(make_layout.digest(raw))
            data = gzip.compress(raw, 6, mtime=0) if how == "gzip" else subprocess.run(["zstd", "-q", "-6", "-c"], input=raw, stdout=subprocess.PIPE, check=True).stdout
            packed.append(layout.blob(data, f"application/vnd.oci.image.layer.v1.tar+{how}"))
            self.archives[name].append(f"{self.work}/{name}/blobs/{packed[-1]['digest'].replace(':', '/')}")
        config = layout.document({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}}, "application/vnd.oci.image.config.v1+json")
        manifest = layout.document({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": packed}, MANIFEST)
        manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
        layout.manifests.append(manifest)
        layout.finish()
        quiet(["skopeo", "copy", "--dest-tls-verify=false", f"oci:{self.work}/{name}:{name}", f"docker://127.0.0.1:{port}/{name}:1"])
        return f"127.0.0.1:{port}/{name}:1"

    def floor(self, name, how):
        """The layers decompressed and unpacked by the plain programs, as many at once as there are processors."""
        unpack = {"gzip": "igzip -dc", "zstd": "zstd -qdc"}[how]
        place = f"{self.work}/unpacked"
        os.mkdir(place)
        script = f'd={place}/${{1##*/}}; mkdir $d; {unpack} "$1" | tar -x -C $d'
        try:
            return Cost(["sh", "-c", 'printf "%s\\n" "$@" | xargs -P "$(nproc)" -n 1 sh -c "$0" sh', script, *self.archives[name]]).wall
        finally:
            shutil.rmtree(place)

    def pull(self, reference, name, how, target):
        ours, theirs, floors = [], [], []
        for number in range(6):
            ours.append(Cost([*self.bolt(f"data{number}"), "pull", "--quiet", reference]))
            quiet([*self.bolt(f"data{number}"), "rmi", reference])
            theirs.append(Cost([*self.podman, "pull", "--quiet", "--tls-verify=false", reference]))
            quiet([*self.podman, "rmi", "-f", reference])
            if how:
                floors.append(self.floor(name, how))
        walls = [[cost.wall for cost in side[1:]] for side in (ours, theirs)]
        what = {"large": "5 layers, 300 MB, gzip", "large-zstd": "5 layers, 300 MB, zstd", "many": "20 layers of 10 MB"}[name]
        self.bench.row(f"bolt pull of {what} / podman pull", *walls, target)
        if how:
            self.bench.row(f"its processor time, {how}", [cost.processor for cost in ours[1:]], [cost.processor for cost in theirs[1:]], "0.5")
            self.bench.row(f"the same pull / {'igzip' if how == 'gzip' else 'zstd -d'} and tar alone", walls[0], floors[1:], "1.3")

    def pulls(self):
        with self.registry("registry") as port:
            large = self.make_image(port, "large", 5, 60e6, "gzip")
            skopeo = []
            self.pull(large, "large", "gzip", "0.4")
            ours = [Cost([*self.bolt(f"copy{number}"), "pull", "--quiet", large]).wall for number in range(4)]
            for number in range(4):
                quiet([*self.bolt(f"copy{number}"), "rmi", large])
                skopeo.append(Cost([*self.user, "skopeo", "copy", "--src-tls-verify=false", f"docker://{large}", f"containers-storage:localhost/large{number}:1"]).wall)
                quiet([*self.podman, "rmi", "-f", f"localhost/large{number}:1"])
            self.bench.row("bolt pull of 5 layers, 300 MB, gzip / skopeo copy", ours[1:], skopeo[1:], "0.5")
            self.pull(self.make_image(port, "large-zstd", 5, 60e6, "zstd"), "large-zstd", "zstd", "0.35")
            self.pull(self.make_image(port, "many", 20, 10e6, "gzip"), "many", None, "0.4")
            self.unchanged(large, port)
            self.memory(large)

    def unchanged(self, reference, port):
        quiet([*self.bolt("kept"), "pull", "--quiet", reference])
        with self.store("kept"):
            self.bench.pair("bolt pull of what is there / one HEAD request by curl", [self.bench.bolt, "pull", "--quiet", reference],
                            ["curl", "-fsS", "-I", "-H", f"Accept: {MANIFEST}", f"http://127.0.0.1:{port}/v2/large/manifests/1"], "1.3")

    def memory(self, reference):
        """The largest process of all that took part."""
        script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        peaks = []
        for tool, after in (([*self.bolt("peak"), "pull", "--quiet", reference], [*self.bolt("peak"), "rmi", reference]),
                            ([*self.podman, "pull", "--quiet", "--tls-verify=false", reference], [*self.podman, "rmi", "-f", reference])):
            peaks.append(int(subprocess.run([sys.executable, "-c", script, *tool], check=True, capture_output=True, text=True).stdout))
            quiet(after)
        self.bench.row("peak memory of that pull / podman's", [peaks[0]], [peaks[1]], "65536 KiB", "KiB")

    def exchange(self):
        with self.registry("exchange") as port:
            reference = self.make_image(port, "large", 5, 60e6, "gzip")
            kept = "containers-storage:localhost/large:1"
            quiet([*self.bolt("kept"), "pull", "--quiet", reference])
            quiet([*self.user, "skopeo", "copy", "--src-tls-verify=false", f"docker://{reference}", kept])
            self.push(reference, kept)
            self.archive(reference)
            self.commit()

    def push(self, reference, kept):
        ours, theirs = [], []
        for number in range(6):  # a registry keeps a blob once: an empty one for each
            with self.registry(f"first{number}") as port:
                ours.append(Cost([*self.bolt("kept"), "push", "--quiet", reference, f"127.0.0.1:{port}/large:1"]).wall)
            with self.registry(f"second{number}") as port:
                theirs.append(Cost([*self.user, "skopeo", "copy", "--dest-tls-verify=false", kept, f"docker://127.0.0.1:{port}/large:1"]).wall)
        self.bench.row("bolt push / skopeo copy", ours[1:], theirs[1:], "0.6")

    def archive(self, reference):
        saved, loaded = ([], []), ([], [])
        files = [f"{self.home}/bolt.tar", f"{self.home}/podman.tar"]
        for _ in range(6):
            for file in files:
                if os.path.exists(file):
                    os.unlink(file)
            saved[0].append(Cost([*self.bolt("kept"), "save", "-o", files[0], reference]).wall)
            saved[1].append(Cost([*self.podman, "save", "-o", files[1], "localhost/large:1"]).wall)
        self.bench.row("bolt save / podman save", saved[0][1:], saved[1][1:], "0.5")
        quiet([*self.podman, "rmi", "-f", "localhost/large:1"])
        for number in range(6):
            loaded[0].append(Cost([*self.bolt(f"load{number}"), "load", "--quiet", "-i", files[1]]).wall)
            quiet([*self.bolt(f"load{number}"), "rmi", "localhost/large:1"])
            loaded[1].append(Cost([*self.podman, "load", "--quiet", "-i", files[1]]).wall)
            quiet([*self.podman, "rmi", "-f", "localhost/large:1"])
        self.bench.row("bolt load / podman load", loaded[0][1:], loaded[1][1:], "0.5")

    def commit(self):
        """A container with 50 MB of changes."""
        ours, theirs = [], []
        changes = ["sh", "-c", "i=0; while [ $i -lt 500 ]; do head -c 100000 /dev/urandom > /srv.$i; i=$((i+1)); done"]
        quiet([*self.bolt("kept"), "run", "--name", "changed", "--network", "none", "bolt://shell", *changes])
        quiet([*self.podman, "run", "--name", "changed", "--network", "none", "localhost/shell:latest", *changes])
        for number in range(6):
            ours.append(Cost([*self.bolt("kept"), "commit", "changed", f"changed:{number}"]).wall)
            theirs.append(Cost([*self.podman, "commit", "--quiet", "changed", f"changed:{number}"]).wall)
            quiet([*self.bolt("kept"), "rmi", f"changed:{number}"])
            quiet([*self.podman, "rmi", "-f", f"changed:{number}"])
        quiet([*self.bolt("kept"), "rm", "changed"])
        quiet([*self.podman, "rm", "changed"])
        self.bench.row("bolt commit of 50 MB / podman commit", ours[1:], theirs[1:], "0.5")

    def lists(self):
        """Of a thousand; podman's of a hundred, since it takes minutes to make more: the ratio is in its favour."""
        for tool, count in ((self.bolt("thousand"), 1000), (self.podman, 100)):
            archive = f"{self.work}/{count}.tar"
            self.make_images(archive, count)
            quiet([*tool, "load", "--quiet", "-i", archive])
            os.unlink(archive)
            make = " ".join([*tool, "create", "--network", "none", "localhost/many:0", "/bin/true"])
            quiet(["sh", "-c", f"i=0; while [ $i -lt {count} ]; do {make} || exit 1; i=$((i+1)); done"])
        for words in (["images"], ["ps", "-a"]):
            theirs = ["podman", "--cgroup-manager", "cgroupfs", "--runtime", "runc", "--log-level", "error", *words]
            with self.store("thousand"):
                self.bench.pair(f"bolt {' '.join(words)} of 1000 / podman's of 100", [self.bench.bolt, *words], theirs, "0.2, and 30 ms", runs=5)

    @staticmethod
    def make_images(path, count):
        """Images of one layer and different configurations, in the archive that both sides read."""
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as layer:
            layer.add("/bin/busybox", "bin/true")
        layer = plain.getvalue()
        with tarfile.open(path, "w") as archive:
            def add(name, data):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), 0o644
                archive.addfile(member, io.BytesIO(data))
            add("layer.tar", layer)
            listed = []
            for number in range(count):
                config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"number": str(number)}},
                                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
                name = hashlib.sha256(config).hexdigest() + ".json"
                add(name, config)
                listed.append({"Config": name, "RepoTags": [f"localhost/many:{number}"], "Layers": ["layer.tar"]})
            add("manifest.json", json.dumps(listed).encode())
        os.chmod(path, 0o644)
