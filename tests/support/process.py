"""Starting programs so that none is ever left behind, and looking at what runs."""

import ctypes
import os
import pathlib
import signal
import subprocess

from support.waiting import PATIENCE, eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FAIRLEAD_BUILD", ROOT / "build" / "release")).resolve()
FAIRLEAD = BUILD / "fairlead"

lasting = set()  # pids of servers that outlive a test on purpose

PR_SET_CHILD_SUBREAPER = 36
# Whatever a program leaves behind becomes our child, so that descendants() sees it.
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Program:
    """A running program, its output in files. Use as a context manager, or stop() it."""

    def __init__(self, command, folder, name=None, env=None, cwd=None, **options):
        self.command = [str(word) for word in command]
        self.name = name or pathlib.Path(self.command[0]).name
        number = len(list(pathlib.Path(folder).glob(f"{self.name}*.stdout"))) + 1  # of programs of this name
        self.stdout_path = pathlib.Path(folder) / f"{self.name}{number}.stdout"
        self.stderr_path = self.stdout_path.with_suffix(".stderr")
        with open(self.stdout_path, "ab") as out, open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                                            env={**os.environ, **(env or {})}, start_new_session=True, **options)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def output(self):
        """What it said so far, for messages of failures."""
        return f"--- {' '.join(self.command)}\n--- stdout\n{self.stdout()[-4000:]}\n--- stderr\n{self.stderr()[-4000:]}"

    def running(self):
        return self.process.poll() is None

    def until(self, condition, what="", seconds=PATIENCE):
        """eventually(), but fails at once, with its output, when the program ends first."""

        def check():
            value = condition()
            if not value and not self.running():
                raise RuntimeError(f"{self.name} ended with {self.process.returncode} first\n{self.output()}")
            return value

        try:
            return eventually(check, what, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.output()}") from None

    def send(self, number):
        if self.running():
            self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        """Its exit status (negative: the signal that ended it)."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds} s\n{self.output()}") from None

    def stop(self, number=signal.SIGTERM, seconds=PATIENCE):
        """Asks it to end, waits, and returns its exit status; killed when it does not listen, which is a failure."""
        self.send(number)
        try:
            return self.wait(seconds)
        except AssertionError:
            for pid in [self.pid, *descendants(self.pid)]:
                kill(pid)
            self.process.wait()
            raise


def run(*command, seconds=60, **options):
    """Runs a command to its end; its outcome has .returncode, .stdout and .stderr as text."""
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds, **options)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def processes():
    """{pid: (parent, state, name)} of all processes."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            name = stat[stat.index("(") + 1 : stat.rindex(")")]
            state, parent = stat[stat.rindex(")") + 2 :].split()[:2]
            found[int(entry.name)] = (int(parent), state, name)
    return found


def descendants(pid):
    """{pid: name} of all live processes below this one."""
    table = processes()

    def is_below(p):
        while p in table and p != pid:
            p = table[p][0]
        return p == pid

    return {p: name for p, (_, state, name) in table.items() if p != pid and state != "Z" and is_below(p)}


def leftovers():
    """Our descendants, but for those of servers that serve the whole session."""
    below = descendants(os.getpid())
    spared = set()
    for pid in lasting:
        spared |= {pid, *descendants(pid)}
    return {pid: name for pid, name in below.items() if pid not in spared}


def command_line(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
