"""Measure how fast layerproof is, beside its peers where there are any, and write down the figures.

Each benchmark is run in a process of its own, one after the other, and what it came to is written when it is done.
Exit status: 0, all were run; 1, one failed; 2, the request was wrong; 3, one needs what is not installed; 130,
ended by Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from figures import Result, about, data, description, markdown, markdown_page, measured, tell

NAMES = ("startup", "explorer", "spin", "tlc", "growth", "proofs", "drive", "judging", "oracle", "mutants",
         "faults", "cluster")
"""The benchmarks, in the order in which they are run."""
DRAWN = "growth"
"""The one that is drawn with ``--plot``."""


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark; all if none is named")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write the figures to this file, as JSON")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the tables to this file, in Markdown")
    parser.add_argument("--plot", metavar="FILE", help=f"draw what {DRAWN} measures into this file, as SVG")
    parser.add_argument("--list", action="store_true", help="say what each measures, and measure nothing")
    asked = parser.parse_args()
    asked.names = list(dict.fromkeys(asked.names)) or list(NAMES)
    if unknown := [name for name in asked.names if name not in NAMES]:
        parser.error(f"there is no benchmark {unknown[0]!r}; known: {', '.join(NAMES)}")
    if asked.plot and DRAWN not in asked.names:
        parser.error(f"--plot draws what {DRAWN} measures, which is not asked for")
    for path in filter(None, (asked.output, asked.markdown, asked.plot)):
        if not Path(path).absolute().parent.is_dir():
            parser.error(f"there is no folder for {path}")
    return asked


def afresh(name: str, plot: str | None) -> Result:
    """Run one benchmark in a process that nothing was done in before."""
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
            return pool.submit(measured, name, plot if name == DRAWN else None).result()
    except BrokenProcessPool:
        return Result(name, description(name), failed="its process was ended before it was done")


def run(asked: argparse.Namespace) -> list[Result]:
    """Run what was asked for, and write what is known after each."""
    known, results = about(), list[Result]()
    for number, name in enumerate(asked.names, 1):
        tell(f"{name} ({number} of {len(asked.names)})")
        results.append(afresh(name, asked.plot))
        print(markdown(results[-1]), flush=True)
        tell(f"{name}: {results[-1].seconds:g} s")
        if asked.output:
            asked.output.write_text(json.dumps(data(known, results), indent=1) + "\n", encoding="utf-8")
        if asked.markdown:
            asked.markdown.write_text(markdown_page(known, results), encoding="utf-8")
    return results


def status(results: Sequence[Result]) -> int:
    """The exit status."""
    if any(result.failed for result in results):
        return 1
    return 3 if any(result.missing for result in results) else 0


def main() -> int:
    """Do what the command line says."""
    asked = options()
    if asked.list:
        print("\n".join(f"{name:10}{description(name)}" for name in asked.names))
        return 0
    try:
        return status(run(asked))
    except KeyboardInterrupt:
        tell("ended before all were run")
        return 130


if __name__ == "__main__":
    sys.exit(main())
