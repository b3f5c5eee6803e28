"""The first moments of the program, and what it prints."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from processes import PATIENCE, start

# What the command line imports first, here a module that gets a signal meanwhile.
SLOW = """
import os, signal, time
os.kill(os.getpid(), signal.{name})
time.sleep({rest})
raise SystemExit(7)
"""


def imports(tmp_path, number, rest):
    (tmp_path / "click.py").write_text(SLOW.format(name=number.name, rest=rest))
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_modules_are_imported_is_one_sentence(tmp_path, number):
    process = start("laws", tmp=tmp_path, env=imports(tmp_path, number, PATIENCE), text=True)
    out, err = process.communicate(timeout=PATIENCE)
    assert (128 + number, "", f"layerproof: ended by {number.name}\n") == (process.returncode, out, err)


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "layerproof", "laws"], cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        env={**os.environ, **imports(tmp_path, signal.SIGHUP, 0)})
    assert (7, "") == (done.returncode, done.stderr)


FULL = "layerproof: the result cannot be printed: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize("arguments", [("laws",), ("laws", "--format", "json"), ("--help",), ("--version",),
                                       ("laws", "--help")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_cannot_be_printed_is_one_sentence(tmp_path, arguments, unbuffered):
    with open("/dev/full", "w") as full:
        process = start(*arguments, tmp=tmp_path, stdout=full, env={"PYTHONUNBUFFERED": unbuffered}, text=True)
        _, err = process.communicate(timeout=PATIENCE)
    assert (2, FULL) == (process.returncode, err)


def on_a_small_disk(tmp_path, commands, **environment):
    """Run commands of a shell where ``$disk`` has one page."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"unset COLUMNS\nmount -t tmpfs -o size=4k small {disk} || exit 77\n{commands}"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False,
                          env={**os.environ, "disk": str(disk), "lp": f"{sys.executable} -m layerproof", **environment})
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("needs to mount a file system")
    return done


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_half_a_result_is_not_taken_for_a_whole_one(tmp_path, unbuffered):
    done = on_a_small_disk(tmp_path, "$lp laws > $disk/laws; s=$?; wc -c < $disk/laws; exit $s",
                           PYTHONUNBUFFERED=unbuffered)
    assert (2, "4096\n", FULL) == (done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_output_file_on_a_full_disk_stays_as_it_was_and_the_result_is_printed(tmp_path):
    done = on_a_small_disk(tmp_path, """
        echo old > $disk/laws; $lp laws --output $disk/laws; s=$?
        echo; cat $disk/laws; ls -A $disk; exit $s""")
    plain, _ = start("laws", tmp=tmp_path, text=True, env={"COLUMNS": ""}).communicate(timeout=PATIENCE)
    assert 2 == done.returncode
    assert f"{plain}\nold\nlaws\n" == done.stdout
    assert done.stderr.endswith("/disk/laws cannot be written: No space left on device\n")
    assert 1 == len(done.stderr.splitlines())


@pytest.mark.parametrize("arguments", [("laws",), ("--help",), ("laws", "--law", "X-1")])
def test_when_nobody_reads_any_more_it_ends_with_the_usual_status(tmp_path, arguments):
    read, write = os.pipe()
    os.close(read)
    process = start(*arguments, tmp=tmp_path, stdout=write, text=True)
    os.close(write)
    _, err = process.communicate(timeout=PATIENCE)
    wrong = "X-1" in arguments
    assert (2 if wrong else 0, wrong) == (process.returncode, bool(err))


def test_without_standard_output_it_ends_with_the_usual_status(tmp_path):
    done = subprocess.run(["sh", "-c", 'exec "$0" -m layerproof laws >&-', sys.executable], cwd=tmp_path, check=False,
                          capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)


def test_a_pipe_that_takes_little_at_a_time_gets_all(tmp_path):
    whole, _ = start("laws", "--format", "json", tmp=tmp_path).communicate(timeout=PATIENCE)
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write, False)  # as some programs leave what they share with others
    process = start("laws", "--format", "json", tmp=tmp_path, stdout=write)
    os.close(write)
    time.sleep(0.5)  # let it come to a full pipe
    with open(read, "rb") as stream:
        assert whole == stream.read()
    assert (0, b"") == (process.wait(PATIENCE), process.stderr.read())
    process.stderr.close()
    assert len(whole) > 3 * 4096


def test_what_an_encoding_lacks_is_escaped(tmp_path):
    from samples import a_trace_file

    (tmp_path / "trace.json").write_text(a_trace_file())
    plain, _ = start("explain", "trace.json", tmp=tmp_path, env={"PYTHONIOENCODING": "utf-8"}).communicate()
    for name in ("latin-1", "ascii", "ascii:strict"):
        process = start("explain", "trace.json", tmp=tmp_path, env={"PYTHONIOENCODING": name})
        out, err = process.communicate(timeout=PATIENCE)
        assert (0, b"") == (process.returncode, err)
        assert plain.decode() == out.decode("ascii").encode().decode("unicode-escape")
    assert "├──" in plain.decode()
