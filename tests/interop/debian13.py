"""Programs of Debian 13, unpacked and not installed: cosign and oras, which Debian 12 does not have, and a skopeo that verifies signatures."""
import os
import pathlib
import shutil
import subprocess

import pytest

PACKAGES = ["cosign", "oras", "skopeo", "libc6", "libgpgme11t64", "libassuan9", "libgpg-error0", "libsqlite3-0", "libsubid5"]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def main_archive():
    """Where this machine has Debian 12 from."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"], capture_output=True, text=True, check=True).stdout
    return next(line.split()[0] for line in sorted(set(listed.splitlines())) if line.endswith(" bookworm"))


class Debian13:
    def __init__(self, place):
        self.place = pathlib.Path(place)
        self.root = self.place / "root"
        for below in ("lists/partial", "cache/archives/partial", "packages"):
            (self.place / below).mkdir(parents=True)
        (self.place / "sources.list").write_text(f"deb [signed-by={KEYRING}] {main_archive()} trixie main\n", encoding="ascii")
        self.apt("update")
        self.apt("download", *PACKAGES)
        for package in (self.place / "packages").glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, self.root], check=True)

    def apt(self, *words):
        settings = {"Dir::Etc::SourceList": self.place / "sources.list", "Dir::Etc::SourceParts": "/dev/null", "Dir::State::Lists": self.place / "lists",
                    "Dir::Cache": self.place / "cache", "APT::Sandbox::User": "root"}
        got = subprocess.run(["apt-get", "-qq", *(f"-o{key}={value}" for key, value in settings.items()), *words], cwd=self.place / "packages", capture_output=True, text=True, check=False)
        if got.returncode != 0:
            shutil.rmtree(self.place)
            pytest.skip(f"Debian 13's packages cannot be had: {got.stderr.strip()[:200]}")

    def run(self, program, *words, **settings):
        """With its own C library where Debian 12's is too old."""
        libraries = self.root / "usr/lib/x86_64-linux-gnu"
        before = [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries] if program == "skopeo" else []
        environment = dict(os.environ, COSIGN_PASSWORD="a passphrase", HOME=str(self.place))
        return subprocess.run([*before, self.root / "usr/bin" / program, *words], capture_output=True, text=True, check=False, timeout=120, env=environment, **settings)
