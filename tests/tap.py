# SPDX-License-Identifier: Apache-2.0
"""tap.py FILE.py [PATTERN...]: runs the unittest tests of a file, or those whose name contains one
of the patterns, and reports in TAP, which meson reads.

Runs itself again in the virtual environment that tools/test makes ($QUERN_VENV, or .venv-test in
the checkout) where there is one, so that any python3 will do to start it.
"""
import importlib
import os
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]


def enter_environment():
    venv = pathlib.Path(os.environ.get("QUERN_VENV", ROOT / ".venv-test"))
    python = venv / "bin/python"
    if python.exists() and pathlib.Path(sys.prefix) != venv.resolve():
        os.environ["QUERN_VENV"] = str(venv.resolve())
        os.execv(python, [str(python), *sys.argv])


class TapResult(unittest.TestResult):
    """Prints one line a test when it ends, the details of a failure before it as comments."""

    def __init__(self, out):
        super().__init__()
        self.out, self.count, self.problems = out, 0, []

    def line(self, status, test, note=""):
        for problem in self.problems:
            for text in problem.splitlines():
                print("#", text, file=self.out)
        self.problems = []
        self.count += 1
        print(f"{status} {self.count} - {test.id()}{note}", file=self.out, flush=True)

    def addSuccess(self, test):
        self.line("ok", test)

    def addSkip(self, test, reason):
        self.line("ok", test, " # SKIP " + " ".join(reason.split()))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.problems.append(self.failures[-1][1])
        self.line("not ok", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.problems.append(self.errors[-1][1])
        self.line("not ok", test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            kind = self.failures if issubclass(err[0], test.failureException) else self.errors
            self.problems.append(f"{subtest}\n{kind[-1][1]}")

    def stopTest(self, test):
        super().stopTest(test)
        if self.problems:   # subtests failed; nothing else is reported for their test
            self.line("not ok", test)


def select(suite, patterns):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from select(item, patterns)
        elif not patterns or any(p in item.id() for p in patterns):
            yield item


def main():
    enter_environment()
    path, patterns = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    out, sys.stdout = sys.stdout, sys.stderr
    sys.path.insert(0, str(path.parent))
    try:
        suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(path.stem))
    except unittest.SkipTest as skip:
        print(f"1..0 # SKIP {skip}", file=out)
        return 0
    result = TapResult(out)
    unittest.TestSuite(select(suite, patterns)).run(result)
    print(f"1..{result.count}", file=out, flush=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    raise SystemExit(main())
