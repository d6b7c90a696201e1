#!/usr/bin/env python3
"""Builds the Debian package of the service, and installs, upgrades, removes and purges it in a folder.

The machine itself is left alone: dpkg works on a root and a database of its own, and the maintainer scripts are told by
DPKG_ROOT. What systemd would start is run from there.
"""
import argparse
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request

EXPECTED = {  # path: mode
    "./etc/castiel-sync/": "drwxr-x---",
    "./etc/castiel-sync/local.yaml": "-rw-r-----",
    "./usr/bin/castiel-sync": "-rwxr-xr-x",
    "./usr/lib/systemd/system/castiel-sync.service": "-rw-r--r--",
    "./usr/share/castiel-sync/adapters/couchdb.yaml": "-rw-r--r--",
    "./usr/share/castiel-sync/adapters/json-server.yaml": "-rw-r--r--",
    "./usr/share/castiel-sync/adapters/schema.json": "-rw-r--r--",
    "./usr/share/castiel-sync/adapters/template.yaml": "-rw-r--r--",
    "./usr/share/doc/castiel-sync/copyright": "-rw-r--r--",
    "./usr/share/doc/castiel-sync/openapi.yaml": "-rw-r--r--",
    "./usr/share/doc/castiel-sync/docs/operations.md": "-rw-r--r--",
    "./usr/share/doc/castiel-sync/docs/configuration.md": "-rw-r--r--",
}
FOLDERS = ("./etc/castiel-sync/", "./usr/bin/", "./usr/lib/systemd/system/", "./usr/share/castiel-sync/adapters/",
           "./usr/share/doc/castiel-sync/")


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, **more)
    assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}"
    return done.stdout


def check_content(package, version):
    found = {}
    for line in run("dpkg-deb", "--contents", package).splitlines():
        mode, owner, *_, path = line.split()
        assert owner == "root/root", line
        found[path] = mode
    for path, mode in EXPECTED.items():
        assert found.get(path) == mode, f"{path}: {found.get(path)}, expected {mode}"
    strangers = [path for path, mode in found.items() if mode[0] != "d" and not path.startswith(FOLDERS)]
    assert not strangers, f"not the service's: {strangers}"
    fields = dict(re.findall(r"^(\S+): (.*)$", run("dpkg-deb", "--field", package), re.M))
    assert (fields["Package"], fields["Version"]) == ("castiel-sync", version), fields
    for library in ("libc6", "libstdc++6", "libsqlite3-0", "libssl3", "tzdata", "passwd"):
        assert re.search(rf"(^|, ){re.escape(library)}( |,|$)", fields["Depends"]), f"no {library}: {fields['Depends']}"


class Root:
    """A machine that has nothing but users and an empty database of packages."""

    def __init__(self, folder):
        self.folder = folder
        for path in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc", "tmp"):
            os.makedirs(f"{folder}/{path}")
        self.write("var/lib/dpkg/status", "")
        self.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        self.write("etc/shadow", "root:*:1::::::\n")
        self.write("etc/group", "root:x:0:\n")
        self.write("etc/gshadow", "root:*::\n")
        shutil.copy("/etc/login.defs", f"{folder}/etc/login.defs")

    def path(self, name):
        return f"{self.folder}/{name}"

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as text:
            return text.read()

    def dpkg(self, *arguments):
        # Owners are only remembered by fakeroot, so that this needs no rights, and uses none.
        environment = dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C")
        run("fakeroot", "-i", self.path("tmp/owners"), "-s", self.path("tmp/owners"), "dpkg", "--root", self.folder,
            "--log", self.path("tmp/dpkg.log"), "--force-script-chrootless", "--force-depends", "--force-confold",
            *arguments, env=environment)

    def owner(self, name):
        return run("fakeroot", "-i", self.path("tmp/owners"), "stat", "-c", "%u:%g %a", self.path(name)).strip()

    def account(self):
        found = re.findall(r"^castiel-sync:x:(\d+):(\d+):[^:]*:/var/lib/castiel-sync:/usr/sbin/nologin$",
                           self.read("etc/passwd"), re.M)
        assert len(found) == 1, self.read("etc/passwd")
        return found[0]


def check_service(root):
    """As the unit starts, reloads and stops it, but for the folder of its data."""
    unit = root.read("usr/lib/systemd/system/castiel-sync.service")
    command = re.search(r"^ExecStart=/(.*)$", unit, re.M).group(1).split()
    command = [root.path(command[0])] + [root.path(word[1:]) if word[0] == "/" else word for word in command[1:]]
    state = root.path("var/lib/castiel-sync")
    os.makedirs(state, exist_ok=True)
    environment = {"PATH": "/usr/bin:/bin", "LOG_FORMAT": "json", "PORT": "0", "STORAGE_PATH": f"{state}/store.db"}
    run(command[0], "check", *command[2:], cwd=state, env=environment)
    with open(f"{state}/log", "w+", encoding="utf-8") as log:
        service = subprocess.Popen(command + ["--json"], cwd=state, env=environment, stdout=subprocess.PIPE, stderr=log,
                                   text=True)
        try:
            address = json.loads(service.stdout.readline())["listening"]
            with urllib.request.urlopen(address + "/ready", timeout=30) as answer:
                assert json.loads(answer.read())["status"] == "ready"
            service.send_signal(signal.SIGHUP)
            with urllib.request.urlopen(address + "/health", timeout=30) as answer:
                assert answer.status == 200
            service.terminate()
            assert service.wait(timeout=60) == 0
        finally:
            if service.poll() is None:
                service.kill()
                service.wait()
            service.stdout.close()
        log.seek(0)
        assert not [line for line in log if json.loads(line)["level"] == "error"]


def check_unit(root):
    if shutil.which("systemd-analyze") is None:
        return "not verified: systemd-analyze is missing"
    unit = root.path("tmp/castiel-sync.service")
    text = root.read("usr/lib/systemd/system/castiel-sync.service")
    text = text.replace("=/usr/bin/castiel-sync", f"={root.folder}/usr/bin/castiel-sync")
    root.write("tmp/castiel-sync.service", text)
    complaints = run("systemd-analyze", "verify", "--man=no", unit)
    assert "castiel-sync" not in complaints, complaints
    # In tenths: 20 is "OK".
    run("systemd-analyze", "security", "--offline=yes", "--threshold=20", unit)
    return "verified"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpack", required=True)
    parser.add_argument("--configuration", required=True)
    parser.add_argument("--version", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="castiel-package-") as folder:
        run(arguments.cpack, "-G", "DEB", "--config", arguments.configuration, "-B", f"{folder}/built")
        (package,) = glob.glob(f"{folder}/built/*.deb")
        check_content(package, arguments.version)

        root = Root(f"{folder}/root")
        root.dpkg("--install", package)
        account = root.account()
        assert root.owner("etc/castiel-sync") == f"0:{account[1]} 750", root.owner("etc/castiel-sync")
        assert root.owner("etc/castiel-sync/local.yaml") == f"0:{account[1]} 640"
        verdict = check_unit(root)
        check_service(root)

        edited = root.read("etc/castiel-sync/local.yaml") + "log: { level: debug }\n"
        root.write("etc/castiel-sync/local.yaml", edited)
        root.dpkg("--install", package)
        assert root.account() == account
        assert root.read("etc/castiel-sync/local.yaml") == edited, "an upgrade has lost what somebody configured"

        root.dpkg("--remove", "castiel-sync")
        assert not os.path.exists(root.path("usr/bin/castiel-sync"))
        assert root.read("etc/castiel-sync/local.yaml") == edited
        root.dpkg("--purge", "castiel-sync")
        assert not os.path.exists(root.path("etc/castiel-sync/local.yaml"))
        assert os.path.exists(root.path("var/lib/castiel-sync/store.db")), "a purge has lost the data"
        assert root.account() == account
        print(f"{os.path.basename(package)} installs, runs and goes; its unit is {verdict}")


if __name__ == "__main__":
    main()
