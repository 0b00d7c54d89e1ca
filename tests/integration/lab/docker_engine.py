# SPDX-License-Identifier: ISC
"""A real dockerd with its own folder and namespaces, and things to look at.

It lives in PID, mount and network namespaces of its own, so that the kernel
ends all it has started and unmounts all it has mounted when it ends, however
that comes about.
"""

import contextlib
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time

import pytest

from lab.system import DIES_WITH_US, children, lasting, until

DOCKER = "/usr/bin/docker"		# of the same package as the engine
BUSYBOX = "/bin/busybox"
LONG_NAME = "localhost:5000/org/bb:1"

# Each in another place where an engine keeps what should stay there.
SECRETS = {
    "container": "very-secret-token-9f1c",
    "image": "secret-in-image-4b7d",
    "build": "secret-of-build-77e0",
    "nfs": "secret-of-nfs-51aa",
    "mount": "secret-of-mount-c3d8",
    "proxy": "secret-of-proxy-0e52"}

# What a daemon writes outside its folders goes to the mounts made here.
IN_NAMESPACE = """
for d in /run /opt /etc/docker; do
	[ ! -d $d ] || mount -t tmpfs none $d || exit
done
exec docker-init -- "$@"
"""

DOCKERFILE = f"""
FROM bb:1
ENV FIRST=1 SECRET_IN_HISTORY="with a space {SECRETS['image']}"
ARG BUILD_TOKEN={SECRETS['image']}
RUN true
"""


def missing():
    """Why no engine can run here, or None."""
    if os.geteuid() != 0:
        return "a Docker engine needs root"
    for program in ("dockerd", "docker-init", "runc", "containerd"):
        if not shutil.which(program):
            return f"no {program}: install docker.io"
    if not os.path.exists(BUSYBOX):
        return f"no {BUSYBOX}: install busybox-static"
    return None


class UnixHTTP(http.client.HTTPConnection):
    """HTTP over a Unix socket, or over TCP when address is (host, port)."""

    def __init__(self, address, timeout=20):
        super().__init__("docker", timeout=timeout)
        self.address = address

    def connect(self):
        if isinstance(self.address, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.address)
        else:
            self.sock = socket.create_connection(self.address, self.timeout)


def docker(host, *args, program=DOCKER, timeout=30, env=None):
    """Runs the CLI; .text is all that it said."""
    done = subprocess.run(
        DIES_WITH_US + [program, *map(str, args)], capture_output=True,
        text=True, errors="replace", stdin=subprocess.DEVNULL,
        env=docker_env(host, env), timeout=timeout)
    done.text = done.stdout + done.stderr
    return done


def docker_env(host, more=None):
    # No HOME: nobody's ~/.docker/config.json.
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "DOCKER_HOST": host,
            "DOCKER_CONFIG": "/nonexistent", "DOCKER_BUILDKIT": "0",
            **(more or {})}


class Engine:
    """A dockerd that can be stopped and started again, with an empty house."""

    def __init__(self):
        # Short, since a Unix socket's path has 107 bytes at most.
        self.dir = tempfile.mkdtemp(prefix="orthrus-e-", dir="/tmp")
        self.socket = self.path("d.sock")
        self.host = "unix://" + self.socket
        self.process = None

    def path(self, name):
        return os.path.join(self.dir, name)

    @property
    def cgroup(self):
        return os.path.basename(self.dir)

    def start(self):
        assert self.process is None
        # PIDs of one that was killed mean others in a new namespace.
        shutil.rmtree(self.path("exec"), ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("pid"))
        proxy = f"http://user:{SECRETS['proxy']}@127.0.0.1:9"
        pathlib.Path(self.path("daemon.json")).write_text("{}")
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, "unshare", "--mount", "--net", "--pid",
                 "--fork", "--kill-child", "--mount-proc", *self.command()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HTTP_PROXY": proxy},
                start_new_session=True)
        lasting.add(self.process.pid)
        until("the engine answers", 30, self._answers)

    def command(self):
        """What runs it, in namespaces of its own."""
        return ["sh", "-c", IN_NAMESPACE, "sh", *self.daemon()]

    def daemon(self):
        return ["dockerd", "-H", self.host, "--config-file",
                self.path("daemon.json"), "--data-root", self.path("root"),
                "--exec-root", self.path("exec"), "-p", self.path("pid"),
                "--bridge=none", "--iptables=false", "--ip6tables=false",
                "--ip-forward=false", "--storage-driver=vfs", "--exec-opt",
                "native.cgroupdriver=cgroupfs", "--cgroup-parent",
                "/" + self.cgroup]

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the engine ended: {self.log()[-400:]}")
        with contextlib.suppress(OSError):
            return self.get("/_ping")[0] == 200
        return False

    def log(self):
        return pathlib.Path(self.path("log")).read_text(errors="replace")

    def stop(self):
        """Kills it; its socket's file stays, as after a crash."""
        if self.process is None:
            return
        # The init of its namespace: with it the kernel ends all the others.
        for pid in children(self.process.pid)[:1] or [self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.process.wait()
        lasting.discard(self.process.pid)
        self.process = None

    def close(self):
        self.stop()
        groups = pathlib.Path("/sys/fs/cgroup")
        for group in [groups / self.cgroup, *groups.glob("*/" + self.cgroup)]:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        shutil.rmtree(self.dir, ignore_errors=True)

    def docker(self, *args, host=None, check=True, **how):
        """The CLI at this engine, or at host."""
        done = docker(host or self.host, *args, **how)
        assert not check or done.returncode == 0, f"{args}: {done.text}"
        return done

    def get(self, target):
        """(status, body) as the bare engine answers."""
        return self.ask("GET", target)

    def ask(self, method, target):
        with contextlib.closing(UnixHTTP(self.socket)) as conn:
            conn.request(method, target)
            answer = conn.getresponse()
            return answer.status, answer.read()

    def connections(self):
        """How many connections it has accepted and not closed."""
        ends = " 03 ", " " + self.socket
        with open("/proc/net/unix") as f:
            return sum(ends[0] in line and line.rstrip().endswith(ends[1])
                       for line in f)


class Bridged(Engine):
    """With networks, in its own namespace."""

    def daemon(self):
        return [w for w in super().daemon() if w not in (
            "--bridge=none", "--iptables=false", "--ip-forward=false")]

    def inside(self, *command):
        """A command in the namespace of its network."""
        init = children(self.process.pid)[0]
        return ["nsenter", "-t", str(init), "-n", *command]


class Furnished(Engine):
    """An engine with images, containers and volumes, some with secrets."""

    secrets = sorted(set(SECRETS.values()))

    def furnish(self):
        self.import_images()
        builds = [self._build(kind) for kind in ("0", "1")]
        self.run_containers()
        self.make_volume()
        self.docker("create", "--network", "none", "--name", "mounts",
                    "--mount", "type=volume,src=cifs,dst=/cifs,volume-nocopy,"
                    "volume-opt=type=cifs,volume-opt=device=//x/y,"
                    f"volume-opt=o=password={SECRETS['mount']}", "bb:1",
                    "true")
        self.docker("wait", "done")
        for build in builds:
            assert build.wait(30) == 0, self.log()

    def run_containers(self):
        run = ("run", "-d", "--network", "none", "--name")
        self.docker(*run, "web", "-e", f"TOKEN={SECRETS['container']}",
                    "-e", "NOT_SET", "--label", "role=ticker", "bb:1", "sh",
                    "-c", "while :; do echo tick; sleep 1; done")
        os.mkdir(self.path("say"))
        os.mkfifo(self.path("say/it"))
        self.docker(*run, "quiet", "-v", self.path("say") + ":/say", "bb:1",
                    "sh", "-c", "while :; do read w </say/it && echo $w; done")
        self.docker(*run, "done", "bb:1", "sh", "-c",
                    "echo to-stdout; echo to-stderr >&2; echo x >/new")

    def make_volume(self):
        self.docker("volume", "create", "--driver", "local", "--opt",
                    "type=nfs", "--opt", "o=addr=127.0.0.1,password=" +
                    SECRETS["nfs"], "--opt", "device=:/export", "nfs")

    def import_images(self):
        root = pathlib.Path(self.path("rootfs"))
        for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
            (root / name).mkdir(parents=True)
        shutil.copy(BUSYBOX, root / "bin/busybox")
        for name in ("sh", "ls", "cat", "echo", "sleep", "ps", "env", "id",
                     "true"):
            (root / "bin" / name).symlink_to("busybox")
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        with tarfile.open(self.path("bb.tar"), "w") as tar:
            tar.add(root, "/")
        self.docker("import", "--change",
                    f"ENV SECRET_IN_IMAGE={SECRETS['image']} MODE=fast",
                    self.path("bb.tar"), "bb:1")
        self.docker("tag", "bb:1", LONG_NAME)

    def _build(self, buildkit):
        """Takes its time, most of it asleep: in the background."""
        context = self.path("context" + buildkit)
        os.mkdir(context)
        pathlib.Path(context, "Dockerfile").write_text(DOCKERFILE)
        return subprocess.Popen(
            [*DIES_WITH_US, DOCKER, "build", "-q", "--network", "none",
             "--build-arg", f"BUILD_TOKEN={SECRETS['build']} and more", "-t",
             "built:" + buildkit, context], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=docker_env(self.host, {"DOCKER_BUILDKIT": buildkit}))

    def speak(self, words):
        """
        Makes the container "quiet" say something, a moment later.  By a FIFO,
        since its first process's output cannot be opened everywhere.
        """
        def listens():
            with contextlib.suppress(OSError):	# while it says the last
                return os.open(self.path("say/it"),
                               os.O_WRONLY | os.O_NONBLOCK)
        with open(until("it listens", 5, listens), "w") as fifo:
            fifo.write(words + "\n")
        time.sleep(0.1)		# so that it does not read two at once


@pytest.fixture(scope="session")
def docker_engine():
    """One for each worker: it is there within a second or two."""
    why = missing()
    if why:
        pytest.skip(why)
    engine = Furnished()
    try:
        try:
            engine.start()
            engine.furnish()
        except (RuntimeError, AssertionError) as e:
            pytest.skip(f"no Docker engine can run here: ...{str(e)[-300:]}")
        yield engine
    finally:
        engine.close()


@pytest.fixture
def bare_engine(docker_engine):
    """Another one, not started and with nothing in it, to be restarted."""
    engine = Engine()
    yield engine
    engine.close()
