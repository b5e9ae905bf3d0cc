#!/usr/bin/env python3
"""Set Carnot up in .venv and run it. Needs only Python 3.11 or newer, and pip.

    python3 set_up.py tour [ARGS]     the guided tour
    python3 set_up.py run -- ARGS     any carnot command, such as: run -- list
    python3 set_up.py test [ARGS]     the tests; ARGS go to pytest
    python3 set_up.py lint            style, types, layers, documentation
    python3 set_up.py check           test, then lint

The first call installs the locked dependencies; later calls start at once.
"""
# This file must parse on every old Python, so that it can say which one it needs.

from __future__ import print_function

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

OLDEST = (3, 11)
HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
BOOTSTRAP = os.path.join(HERE, ".venv-bootstrap")
STAMP = os.path.join(VENV, "set_up.json")  # what is installed; written last
UNFINISHED = os.path.join(VENV, "set_up.unfinished")  # there while an install runs
WINDOWS = os.name == "nt"

FAILED, INTERRUPTED = 2, 3
NO_NETWORK = (
    "ConnectionError",
    "ConnectTimeout",
    "Failed to establish",
    "getaddrinfo",
    "name resolution",
    "ProxyError",
    "Read timed out",
    "SSLError",
)


class SetUpError(Exception):
    """A set-up that cannot go on; the text is the one line to show."""


def main(args):
    if sys.version_info < OLDEST:
        say(
            "Carnot needs Python %d.%d or newer, and this is %d.%d: install one from "
            "https://www.python.org/downloads/ and start set_up.py with it."
            % (OLDEST + tuple(sys.version_info[:2]))
        )
        return FAILED
    if not args or args[0] in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0 if args else FAILED
    command, rest = args[0], args[1:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    try:
        if command == "tour":
            install("run")
            return run([script("carnot"), "tour"] + rest)
        if command == "run":
            install("run")
            return run([script("carnot")] + rest)
        if command in ("lint", "check") and rest:
            raise SetUpError("%s takes no further arguments; got %s" % (command, " ".join(rest)))
        if command in ("test", "lint", "check"):
            install("dev")
            return {"test": test, "lint": lint, "check": check}[command](rest)
        raise SetUpError("no command %r: use tour, run, test, lint or check" % command)
    except SetUpError as error:
        say("set_up.py: %s" % error)
        return FAILED
    except OSError as error:
        say("set_up.py: %s" % explain(str(error)))
        return FAILED
    except KeyboardInterrupt:
        say("Interrupted; the same command continues.")
        return INTERRUPTED


# ------------------------------------------------------------------ what the commands do


def test(args):
    own_workers = ("-n", "--numprocesses", "--dist", "--pdb", "--trace")
    if cores() >= 2 and not any(a.startswith(own_workers) for a in args):
        # Neighbours stay together: what a module has compiled or trained is not done twice.
        args = ["-n", "2", "--dist", "worksteal"] + args
    return run([python(), "-m", "pytest"] + args, cwd=HERE)


def lint(_):
    steps = [
        ("style", ["-m", "ruff", "check", "--quiet", "."]),
        ("format", ["-m", "ruff", "format", "--check", "--quiet", "."]),
        ("types", ["-m", "pyright", "--pythonpath", python()]),
        ("layers", [script("lint-imports")]),
        ("documentation", ["-m", "mkdocs", "build", "--strict", "--quiet"]),
    ]
    failed = []
    for name, step in steps:
        say("-- %s" % name)
        code, output = quietly([python()] + step if step[0] == "-m" else step, cwd=HERE)
        if code != 0:
            print(output)
            failed.append(name)
    names = ", ".join(failed) or ", ".join(name for name, _ in steps)
    say(("Failed: %s." if failed else "All pass: %s.") % names)
    return 1 if failed else 0


def check(_):
    tested, linted = test([]), lint([])
    if tested:
        say("The tests failed too; see above.")
    return 1 if tested or linted else 0


# ------------------------------------------------------------------ the environment


def install(what):
    """Bring .venv to the locks: "run" to use Carnot, "dev" to test it too."""
    wanted = {"python": list(sys.version_info[:2]), "place": HERE, "run": digest("run")}
    if what == "dev":
        wanted["dev"] = digest("run", "dev")
    have = read_stamp()
    same_base = all(have.get(key) == wanted[key] for key in ("python", "place"))
    usable = works(["-c", "import sys; sys.exit(sys.version_info[:2] != %r)" % (this_python(),)])
    if usable and same_base and all(have.get(key) == wanted[key] for key in wanted):
        return
    if not os.access(HERE, os.W_OK):
        raise SetUpError(explain("Permission denied"))
    foreign = not have and not os.path.exists(UNFINISHED)
    if not (usable and (same_base or foreign) and works(["-m", "pip", "--version"])):
        make_venv()
    write(UNFINISHED, "An install is running, or was cut short.\n")
    if os.path.exists(STAMP):
        os.remove(STAMP)
    lock = os.path.join("requirements", what + ".txt")
    started = time.time()
    pip(
        "Installing the dependencies locked in %s" % lock,
        ["--require-hashes", "--only-binary", ":all:", "-r", os.path.join(HERE, lock)],
        total=locked(lock),
    )
    pip("Installing carnotlab", ["--no-deps", "--no-build-isolation", "--editable", HERE])
    write(STAMP + ".new", json.dumps(wanted))
    os.remove(UNFINISHED)
    os.replace(STAMP + ".new", STAMP)
    say("Ready after %.0f s. Later calls skip this." % (time.time() - started))


def make_venv():
    say("Making .venv with Python %d.%d" % this_python())
    base = base_python()
    empty_venv()
    code, output = quietly([base, "-m", "venv", VENV])
    if code != 0 and ("ensurepip" in output or "No module named" in output):
        # Debian and Ubuntu ship Python without ensurepip; virtualenv brings its own pip.
        empty_venv()
        code, output = make_with_virtualenv(base)
    if code != 0:
        raise SetUpError(explain(output))


def empty_venv():
    remove(VENV)
    os.mkdir(VENV)
    write(UNFINISHED, "An install is running, or was cut short.\n")


def make_with_virtualenv(base):
    if quietly([base, "-m", "pip", "--version"])[0] != 0:
        raise SetUpError(
            "this Python has neither ensurepip nor pip: install one of them "
            "(on Debian or Ubuntu: apt install python3-venv), then give the same command again."
        )
    lock = os.path.join(HERE, "requirements", "bootstrap.txt")
    get = ["-m", "pip", "install", "--quiet", "--require-hashes", "--target", BOOTSTRAP, "-r", lock]
    start = "import sys, runpy; sys.path.insert(0, %r); " % BOOTSTRAP
    start += "runpy.run_module('virtualenv', run_name='__main__', alter_sys=True)"
    remove(BOOTSTRAP)
    try:
        code, output = quietly([base] + get)
        if code == 0:
            code, output = quietly([base, "-c", start, "--quiet", "--no-download", VENV])
        return code, output
    finally:
        remove(BOOTSTRAP)


def pip(title, args, total=0):
    """Run pip install in .venv; one line of progress, its output only if it fails."""
    say(title + (" (%d packages; the first time takes minutes)" % total if total else ""))
    command = [python(), "-m", "pip", "install", "--progress-bar", "off"] + args
    child = subprocess.Popen(
        command,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    lines, done, shown = [], 0, time.time()
    live = sys.stderr.isatty()
    try:
        for line in child.stdout:
            lines.append(line.rstrip())
            words = line.split()
            if words[:1] == ["Collecting"]:
                name, done = words[1], done + 1
            elif words[:2] == ["Requirement", "already"]:
                name, done = words[3], done + 1
            elif words[:1] == ["Installing"]:
                name = "unpacking"
            else:
                continue
            text = "  %d of %d  %s" % (min(done, total), total, name.split("==")[0])
            if total and live:
                sys.stderr.write("\r" + text[:70].ljust(70))
                sys.stderr.flush()
            elif total and time.time() - shown > 20:
                shown = time.time()
                say(text)
        code = finish(child)
    except BaseException:
        end(child)
        raise
    finally:
        if total and live:
            sys.stderr.write("\r" + " " * 70 + "\r")
    if code != 0:
        raise SetUpError(explain("\n".join(lines)))


def explain(output):
    """The one line for a failure that pip, venv or the system reports."""

    def has(*signs):
        return any(sign in output for sign in signs)

    again = "then give the same command again"
    if has("No space left", "Errno 28", "Disk quota exceeded", "not enough space"):
        line = "the disk is full: free about 3 GB for %s and the temporary folder" % HERE
    elif has("Permission denied", "Read-only", "Errno 13", "Errno 30", "Access is denied"):
        line = "cannot write in %s: make it writable or clone into a folder of your own" % HERE
    elif has("DO NOT MATCH THE HASHES"):
        line = "a download differs from its locked hash: check the pip mirror or proxy"
    elif has(*NO_NETWORK):
        line = "the package index cannot be reached: check network and proxy"
    elif has("No matching distribution"):
        wanted = output.rpartition("No matching distribution found for ")[2].split()[:1]
        line = (
            "there is no build of %s for Python %d.%d on this machine: use Python 3.11 to 3.14 on "
            "Linux (glibc), Windows or a Mac with Apple silicon"
        ) % (("".join(wanted) or "a dependency",) + this_python())
    else:
        return unknown(output, again)
    return "%s, %s." % (line, again)


def unknown(output, again):
    """The same for a failure without a known mend: its last lines come first."""
    tail = [line for line in output.splitlines() if line.strip()][-12:]
    if len(tail) > 1:
        say("\n".join("  | " + line for line in tail))
        return "the install failed; the lines above say why. Mend that, %s." % again
    return "".join(tail) or "the install failed without a word; %s." % again


# ------------------------------------------------------------------ small parts


def digest(*locks):
    """A hash of all that decides what gets installed."""
    total = hashlib.sha256()
    for name in ["pyproject.toml"] + [os.path.join("requirements", n + ".txt") for n in locks]:
        with open(os.path.join(HERE, name), "rb") as file:
            total.update(file.read().replace(b"\r\n", b"\n") + b"\0")
    return total.hexdigest()


def locked(lock):
    """How many packages the lock names."""
    with open(os.path.join(HERE, lock), encoding="utf-8") as file:
        return sum("==" in line and line[:1].isalnum() for line in file)


def read_stamp():
    try:
        with open(STAMP, encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and not os.path.exists(UNFINISHED) else {}


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def remove(path):
    if os.path.islink(path) or os.path.isfile(path):
        os.remove(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)


def script(name):
    folder = os.path.join(VENV, "Scripts" if WINDOWS else "bin")
    return os.path.join(folder, name + (".exe" if WINDOWS else ""))


def python():
    return script("python")


def this_python():
    return tuple(sys.version_info[:2])


def base_python():
    """The Python to build .venv from, also when .venv's own Python runs this file."""
    inside = os.path.realpath(sys.prefix) == os.path.realpath(VENV)
    return getattr(sys, "_base_executable", sys.executable) if inside else sys.executable


def works(args):
    try:
        return quietly([python(), "-I"] + args)[0] == 0
    except OSError:
        return False


def cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def clean_environment():
    """The user's environment without what would send pip elsewhere than .venv."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_CONSTRAINT")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    kept.update(PIP_USER="0", PIP_REQUIRE_VIRTUALENV="0", PIP_NO_INPUT="1", PYTHONUTF8="1")
    kept.update(PIP_DISABLE_PIP_VERSION_CHECK="1", NO_MKDOCS_2_WARNING="1")
    return kept


def quietly(command, cwd=None):
    """Run a command out of sight: (exit code, what it printed)."""
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        output = child.communicate()[0].decode("utf-8", "replace")
    except BaseException:
        end(child)
        raise
    return child.returncode, output


def run(command, cwd=None):
    """Run a command in sight: its exit code."""
    sys.stdout.flush()
    child = subprocess.Popen(command, cwd=cwd)
    try:
        return finish(child)
    except KeyboardInterrupt:
        end(child, patience=60)  # it got the same Ctrl-C: let it save what it has
        raise


def finish(child):
    code = child.wait()
    if code == -signal.SIGINT:
        raise KeyboardInterrupt
    return 128 - code if code < 0 else code


def end(child, patience=5):
    try:
        child.wait(timeout=patience)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        child.kill()
        child.wait()


def say(text):
    print(text, file=sys.stderr)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
