# SPDX-License-Identifier: Apache-2.0
"""Where the benchmarks find and keep files."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
MATERIAL = pathlib.Path(os.environ.get("MATERIAL", ROOT.parent / "shared/material"))
CACHE = pathlib.Path(os.environ.get("QUERN_BENCH_CACHE", "~/.cache/quern-bench")).expanduser()
EXPORTS = CACHE / "exports"     # what exports.py makes
PACKAGES = CACHE / "packages"   # what packages.py takes out of packages
