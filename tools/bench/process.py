# SPDX-License-Identifier: Apache-2.0
"""What a program costs, from start to exit."""
import os
import pathlib
import subprocess
import sys
import tempfile

LAUNCH = (sys.executable, "-I", "-S", pathlib.Path(__file__).with_name("launch.py"))


def reason(text):
    """The line that says why a program failed: the last one that is not empty."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return lines[-1] if lines else "no message"


def run(command, limit, directory=None, environment=None):
    """CPU and wall seconds and peak memory of a command and all that it waits for, in `directory`;
    under "failed" the reason where it did not exit with 0 within `limit` seconds."""
    read, write = os.pipe()
    with tempfile.TemporaryFile() as messages, os.fdopen(read) as numbers:
        subprocess.run([*LAUNCH, str(write), str(limit), *command], stdout=messages,
                       stderr=messages, cwd=directory, env={**os.environ, **(environment or {})},
                       pass_fds=[write])
        os.close(write)
        messages.seek(0)
        said = messages.read().decode(errors="replace")
        measured = numbers.read().split()
    if not measured:
        return {"failed": reason(said)}
    cpu, wall, peak, status = map(float, measured)
    cost = {"cpu_s": cpu, "wall_s": wall, "peak_mb": peak * 1024 / 1e6}
    if status == 0:
        return cost
    if wall >= limit:
        return {**cost, "failed": f"stopped after {limit} s"}
    signal = f"signal {-status:g}: " if status < 0 else ""
    return {**cost, "failed": signal + reason(said)}


def floor():
    """Peak memory in MB that even a command that does nothing is seen with."""
    return run(["true"], 10)["peak_mb"]
