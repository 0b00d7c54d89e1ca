# SPDX-License-Identifier: ISC
"""The tarball's install.sh and uninstall.sh: in a root that has busybox and
nothing else, in Debian's with OpenRC, and on a machine under systemd."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

from machine import Machine, ROOT, until

HERE = pathlib.Path(__file__).parent
DIST = pathlib.Path(os.environ.get("ORTHRUS_DIST", ROOT / "dist"))
USAGE, BROKEN, UNAVAILABLE, NOINPUT, CANTCREAT, NOPERM = 64, 65, 69, 66, 73, 77
STEPS = """
    umask 022
    PATH=/usr/local/bin:$PATH
    everything() { find / -xdev | grep -v '^/etc/[a-z]*-$' | sort; }
    for which in new old; do
        mkdir "/tmp/$which"
        tar -xzf "/mnt/$which.tar.gz" -C "/tmp/$which" --strip-components 1 \
            -o
    done
    cd /tmp/new
    everything >/tmp/before
"""
SAME = """
    everything >/tmp/after
    diff /tmp/before /tmp/after
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes systems")


def tarball():
    arch = subprocess.check_output(["dpkg", "--print-architecture"],
                                   text=True).strip()
    found = sorted(DIST.glob(f"orthrus-*-linux-{arch}.tar.gz"),
                   key=lambda file: file.stat().st_mtime)
    if not found:
        pytest.skip(f"no tarball for {arch} in {DIST}: contrib/release.sh "
                    "tarball makes it")
    return found[-1]


def make_sums(tree):
    """SHA256SUMS for what a test has changed."""
    files = sorted(str(file.relative_to(tree)) for file in tree.rglob("*")
                   if file.is_file() and file.name != "SHA256SUMS")
    (tree / "SHA256SUMS").write_text("".join(
        f"{hashlib.sha256((tree / file).read_bytes()).hexdigest()}  {file}\n"
        for file in files))


def make_older(file, folder):
    """Another version: its programs differ, and it has a file of its own."""
    with tarfile.open(file) as archive:
        archive.extractall(folder / "older")
    tree, = (folder / "older").iterdir()
    script = tree / "install.sh"
    lines = ["version=0.0.1" + line[line.index(" arch="):]
             if line.startswith("version=") else line
             for line in script.read_text().splitlines()]
    script.write_text("\n".join(lines) + "\n")
    for name in "orthrus", "charon":
        with open(tree / "bin" / name, "ab") as program:
            program.write(b"an older one\n")
    (tree / "share/doc/orthrus/OLD").write_text("goes with an upgrade\n")
    make_sums(tree)
    with tarfile.open(folder / "old.tar.gz", "w:gz") as archive:
        archive.add(tree, tree.name)
    shutil.rmtree(folder / "older")


@pytest.fixture(scope="module")
def share(tmp_path_factory):
    folder = tmp_path_factory.mktemp("share")
    file = tarball()
    shutil.copy(file, folder / "new.tar.gz")
    make_older(file, folder)
    return folder


def grow(name, *packages):
    done = subprocess.run([HERE / "grow.sh", "bookworm", name, *packages],
                          text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode == 75:
        pytest.skip("a minimal system cannot be made without a network")
    assert done.returncode == 0
    return done.stdout.strip()


@pytest.fixture(scope="module")
def openrc(share):
    return grow("openrc", "openrc", "busybox-static")


@pytest.fixture(scope="module")
def busybox(share, tmp_path_factory):
    """A root like Alpine's: an ash, and commands that know few options."""
    root = tmp_path_factory.mktemp("busybox")
    for name in ("bin", "usr/bin", "usr/sbin", "sbin", "etc", "mnt", "proc",
                 "sys", "dev", "run", "tmp", "root", "usr/local", "opt"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/busybox", root / "bin")
    subprocess.run(["chroot", root, "/bin/busybox", "--install", "-s"],
                   check=True)
    nice = root / "usr/bin/nice"    # what runs scripts there asks for it
    if not nice.exists():
        nice.write_text('#!/bin/sh\nexec "$@"\n')
        nice.chmod(0o755)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                     "nobody:x:65534:65534::/:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    return root


def run(system, share, script, steps=STEPS):
    return subprocess.run([HERE / "inside.sh", system, share, steps + script],
                          text=True, stdout=subprocess.PIPE, timeout=900,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          check=False)


def good(system, share, script, steps=STEPS):
    done = run(system, share, script, steps)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- what always holds -----------------------------------------------


@pytest.mark.parametrize("kind", ["busybox", "openrc"])
def test_there_and_away(request, share, kind):
    """Nothing before it is agreed to; then all of it, and nothing is left."""
    system = request.getfixturevalue(kind)
    said = good(system, share, """
        ./install.sh --dry-run
        """ + SAME + """
        ./install.sh && exit 1
        [ $? -eq 64 ]
        """ + SAME + """
        ./install.sh --yes
        ./install.sh --yes | grep 'files are there already'
        orthrus --version
        charon --version
        /usr/local/share/orthrus/uninstall.sh --dry-run
        orthrus --version
        /usr/local/share/orthrus/uninstall.sh --yes
        everything >/tmp/after
        diff /tmp/before /tmp/after
        /tmp/new/uninstall.sh --yes && exit 1
        [ $? -eq 66 ]
        ! grep -E 'orthrus|charon' /etc/passwd /etc/group
        """)
    assert "new      /usr/local/bin/orthrus\n" in said
    assert "orthrus is uninstalled.\n" in said


def test_asked_at_a_terminal(openrc, share):
    """Only a yes is one."""
    said = good(openrc, share, """
        say() { printf "$1" | script -qec "./install.sh" /dev/null; }
        say 'n\\n' && exit 1
        """ + SAME + """
        say '\\n' && exit 1
        """ + SAME + """
        say 'y\\n'
        test -x /usr/local/bin/orthrus
        """)
    assert said.count("Go on? [y/N]") == 3


REFUSED = {
    "option": ("./install.sh --yes --force", USAGE, "no option '--force'"),
    "purge": ("./install.sh --yes --purge", USAGE, "of uninstall.sh"),
    "relative": ("./install.sh --yes --prefix opt", USAGE, "whole path"),
    "upwards": ("./install.sh --yes --prefix /opt/../etc", USAGE,
                "whole path"),
    "unit": ("./install.sh --yes --prefix '/opt/a b'", USAGE, "whole path"),
    "top": ("./install.sh --yes --prefix /", USAGE, "whole path"),
    "DESTDIR": ("DESTDIR=stage ./install.sh --yes", USAGE, "whole path"),
    "tampered": ("echo more >>bin/charon; ./install.sh --yes", BROKEN,
                 "bin/charon is not what SHA256SUMS says"),
    "incomplete": ("rm share/man/man1/orthrus.1; ./install.sh --yes", BROKEN,
                   "share/man/man1/orthrus.1 is not what SHA256SUMS says"),
    "truncated": (": >SHA256SUMS; ./install.sh --yes", BROKEN,
                  "is not what its SHA256SUMS says"),
    "machine": ("""sed -i 's/ arch=.*/ arch=s390x/' install.sh
                   echo no program >bin/orthrus
                   find . -type f ! -name SHA256SUMS | sed 's|./||' |
                       xargs sha256sum >SHA256SUMS
                   ./install.sh --yes""", UNAVAILABLE,
                "this is for s390x, and the machine is"),
    "foreign": (": >/usr/local/bin/charon; everything >/tmp/before\n"
                "./install.sh --yes", CANTCREAT,
                "/usr/local/bin/charon is there, and not of this installer"),
    "link": ("ln -s /bin/busybox /usr/local/bin/orthrus\n"
             "everything >/tmp/before; ./install.sh --yes", CANTCREAT,
             "/usr/local/bin/orthrus is there, and not of this installer"),
    "packages": (": >/usr/bin/orthrus; everything >/tmp/before\n"
                 "./install.sh --yes", CANTCREAT,
                 "/usr/bin/orthrus is there, of another installation"),
    "packages'": (": >/usr/bin/orthrus; everything >/tmp/before\n"
                  "./install.sh --yes --prefix /usr", CANTCREAT,
                  "/usr/bin/orthrus is there, and not of this installer"),
    "read-only": ("mkdir /opt/x; busybox mount -t tmpfs -o ro tmpfs /opt/x\n"
                  "everything >/tmp/before\n"
                  "./install.sh --yes --prefix /opt/x", CANTCREAT,
                  "cannot make /opt/x/bin: Read-only file system; nothing"),
    "full": ("mkdir /opt/x; busybox mount -t tmpfs -o size=64k tmpfs /opt/x\n"
             "everything >/tmp/before\n"
             "./install.sh --yes --prefix /opt/x", CANTCREAT,
             "No space left on device; nothing was changed"),
    "file": (": >/opt/x; everything >/tmp/before\n"
             "./install.sh --yes --prefix /opt/x", CANTCREAT, "/opt/x"),
    "nobody": ("setpriv --reuid 65534 --clear-groups ./install.sh --yes",
               NOPERM, "/usr/local is root's: run it as root"),
    "nobody's": ("./install.sh --yes >/dev/null; everything >/tmp/before\n"
                 "setpriv --reuid 65534 --clear-groups ./uninstall.sh --yes",
                 NOPERM, "/usr/local is root's: run it as root"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(openrc, share, case):
    """By one line, and nothing is changed."""
    script, status, line = REFUSED[case]
    done = run(openrc, share, f"""
        set +e
        {script}
        got=$?
        everything >/tmp/after
        diff /tmp/before /tmp/after || exit 99
        ! find /opt/x -mindepth 1 2>/dev/null | grep . || exit 98
        exit $got""")
    assert done.returncode == status, done.stdout + done.stderr
    assert line in done.stderr and done.stderr.count("\n") == 1


def test_what_was_changed_is_kept(openrc, share):
    """By an upgrade beside the new one, and where it was by uninstall.sh."""
    said = good(openrc, share, """
        cd ../old && ./install.sh --yes
        test -e /usr/local/share/doc/orthrus/OLD
        echo "# mine" >>/etc/init.d/charon
        mkdir -p /etc/charon && echo "[charon]" >/etc/charon/charon.ini
        cd ../new && ./install.sh --yes
        ! test -e /usr/local/share/doc/orthrus/OLD
        grep mine /etc/init.d/charon.saved
        ! grep mine /etc/init.d/charon
        grep charon /etc/charon/charon.ini
        echo "# mine" >>/etc/init.d/charon
        ./uninstall.sh --yes
        grep mine /etc/init.d/charon
        test -e /etc/charon/charon.ini
        ! test -e /usr/local/share/orthrus
        """)
    assert "/etc/init.d/charon (yours becomes /etc/init.d/charon.saved)" in \
        said
    assert "keep    /etc/init.d/charon, which was changed since" in said


def test_staged(busybox, share):
    """DESTDIR gets all of it, and this system nothing; PREFIX is in units and
    scripts."""
    said = good(busybox, share, """
        mkdir '/tmp/a stage'
        export DESTDIR='/tmp/a stage/'
        ./install.sh --yes --prefix /opt/orthrus
        """ + SAME + """
        cd "$DESTDIR"
        grep -h /bin/ usr/local/lib/systemd/system/*.service etc/init.d/* |
            grep -E 'orthrus|charon'
        test -x opt/orthrus/bin/orthrus
        opt/orthrus/share/orthrus/uninstall.sh --yes --prefix /opt/orthrus
        find . -mindepth 1
        """)
    assert "=/usr/local/bin" not in said and "./" not in said
    assert "ExecStart=/opt/orthrus/bin/charon serve\n" in said
    assert "command=/opt/orthrus/bin/orthrus\n" in said


def test_programs_alone(openrc, share):
    """Not root: into a folder of one's own."""
    good(openrc, share, """
        install -d -o 65534 /tmp/home
        setpriv --reuid 65534 --regid 65534 --clear-groups \
            ./install.sh --yes --prefix /tmp/home/.local
        """ + SAME + """
        /tmp/home/.local/bin/orthrus --version
        setpriv --reuid 65534 --regid 65534 --clear-groups \
            /tmp/home/.local/share/orthrus/uninstall.sh --yes
        ! find /tmp/home -mindepth 1 | grep .
        """)


# --- OpenRC ----------------------------------------------------------


def test_openrc(openrc, share):
    """A gateway and an agent by the steps of README, an upgrade that restarts
    both, and away."""
    said = good(openrc, share, r"""
        wait_for() {
            for i in $(seq 600); do
                "$@" && return
                sleep 0.2
            done
            cat /var/log/charon.log /var/log/orthrus.log
            return 1
        }
        is_online() { charon agent list --json | grep -q '"online"'; }
        is_new() { [ "$(cat /run/supervise-$1.pid)" != "$2" ]; }
        openrc default >/dev/null 2>&1
        everything >/tmp/before
        (cd ../old && ./install.sh --yes)
        id charon && id orthrus

        cp /usr/local/share/doc/orthrus/examples/*.ini /tmp
        cp /tmp/charon.ini /etc/charon/
        rc-update add charon default && rc-service charon start
        wait_for charon agent list
        sed -e 's/^#name = .*/name = web/' \
            -e 's/^#address = .*/address = 127.0.0.1:2222/' \
            -e 's/^#accept_new/accept_new/' /tmp/orthrus.ini \
            >/etc/orthrus/orthrus.ini
        (umask 077; charon agent add web >/etc/orthrus/auth_key)
        rc-update add orthrus default && rc-service orthrus start
        wait_for is_online
        rm /etc/orthrus/auth_key
        rc-service charon reload
        rc-service orthrus reload
        echo "[server" >>/etc/orthrus/orthrus.ini
        ! rc-service orthrus reload
        sed -i '$d' /etc/orthrus/orthrus.ini

        charon=$(cat /run/supervise-charon.pid)
        orthrus=$(cat /run/supervise-orthrus.pid)
        ./install.sh --yes
        is_new charon "$charon" && is_new orthrus "$orthrus"
        wait_for is_online

        ./uninstall.sh --yes --purge
        ! grep -E '^(orthrus|charon)' /proc/[0-9]*/comm
        everything >/tmp/after
        diff /tmp/before /tmp/after""")
    assert "restart orthrus and charon where they run" in said


# --- systemd ---------------------------------------------------------


class Host(Machine):
    def sh(self, text):
        return self.shell("PATH=/usr/local/bin:$PATH\n" + text)

    def is_online(self):
        with contextlib.suppress(AssertionError):
            listed = json.loads(self.sh("charon agent list --json"))
            return {a["name"]: a["status"] for a in listed} == {
                "web": "online"}
        return False

    def pids(self):
        return [self.property(name, "MainPID")
                for name in ("charon", "orthrus")]


@pytest.fixture(scope="module")
def debian(share):
    host = Host(grow("installer", "systemd", "systemd-sysv", "rpm"), share)
    host.shell(STEPS + "ip link set lo up 2>/dev/null || true")
    yield host
    host.stop()


def test_installed_under_systemd(debian):
    """Neither enabled nor started; the user and his directory are there."""
    said = debian.sh("/tmp/old/install.sh --yes")
    assert "orthrus 0.0.1 is installed.\n" in said
    assert "orthrus install --server HOST" in said
    for name in "charon", "orthrus":
        assert debian.property(name, "ActiveState") == "inactive"
        assert debian.property(name, "UnitFileState") == "disabled"
    assert debian.read("stat", "-c", "%U:%G %a", "/var/lib/charon") == \
        "charon:charon 700"


def test_from_there_to_online(debian):
    """The programs' own commands use the installer's units."""
    said = debian.sh("charon install")
    assert "wrote /etc/systemd" not in said and "the gateway runs" in said
    said = debian.sh("""
        charon agent add web >/root/key
        chmod 600 /root/key
        orthrus install --name web --server 127.0.0.1:2222 \
            --auth-key-file /root/key 2>&1""")
    assert "orthrus.service.d/install.conf" in said
    assert "wrote /etc/systemd/system/orthrus.service\n" not in said
    until("it is online", 60, debian.is_online)


def test_upgrade_under_systemd(debian):
    """Both are restarted, with configuration and state as they were."""
    before = debian.pids()
    files = debian.shell("sha256sum /etc/charon/* /etc/orthrus/*")
    said = debian.sh("/tmp/new/install.sh --yes")
    assert "restart orthrus and charon where they run" in said
    until("both are new", 60, lambda: all(
        new not in ("0", old) for new, old in zip(debian.pids(), before)))
    until("it is online", 60, debian.is_online)
    assert debian.shell("sha256sum /etc/charon/* /etc/orthrus/*") == files
    pids = debian.pids()
    debian.sh("/tmp/new/install.sh --yes")
    assert debian.pids() == pids


def test_uninstalled_and_put_back(debian):
    """What is theirs stays, and they go on with it."""
    debian.sh("/usr/local/share/orthrus/uninstall.sh --yes")
    for name in "charon", "orthrus":
        assert debian.property(name, "LoadState") == "not-found"
        assert not debian.path(f"/usr/local/bin/{name}").exists()
    assert debian.path("/var/lib/charon/registry.db").exists()
    debian.sh("/tmp/new/install.sh --yes; systemctl enable --now charon; "
              "systemctl enable orthrus; systemctl start --no-block orthrus")
    until("it is online", 60, debian.is_online)


def test_purged_under_systemd(debian):
    debian.sh("rm /root/key; cd /tmp/new; ./uninstall.sh --yes --purge")
    left = debian.shell("""find / -xdev -path /tmp -prune -o '(' -iname \
        '*charon*' -o -iname '*orthrus*' ')' -print""")
    assert left == ""
    assert debian.shell("grep -hE '^(orthrus|charon)' "
                        "/proc/[0-9]*/comm || true") == ""
