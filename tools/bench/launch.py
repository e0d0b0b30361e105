# SPDX-License-Identifier: Apache-2.0
"""Runs a command and writes what it cost, a line of numbers, to a file descriptor: CPU seconds,
wall seconds, peak memory in KiB, exit status (negative: the signal).

    python -I -S tools/bench/launch.py DESCRIPTOR SECONDS COMMAND...

After SECONDS the command is killed. A process starts with the peak memory of the one that started
it, so this one imports hardly anything.
"""
import os
import signal
import sys
import time


def main():
    descriptor, limit, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(descriptor, False)
    start = time.monotonic()
    os.environ["BENCH_STARTED"] = str(start)
    child = os.posix_spawnp(command[0], command, os.environ)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(limit)
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - start
    os.write(descriptor, f"{usage.ru_utime + usage.ru_stime} {wall} {usage.ru_maxrss} "
                         f"{os.waitstatus_to_exitcode(status)}\n".encode())


main()
