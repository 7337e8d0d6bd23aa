"""Builds a top of the emitted Verilog with Icarus and runs the test module of that top; `cargo xtask cocotb` calls this."""

import argparse
import sys
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rtl", type=Path, required=True, help="folder of the emitted Verilog")
    parser.add_argument("--top", required=True, help="top module")
    parser.add_argument("--test", required=True, help="test module beside this file")
    parser.add_argument("--build", type=Path, required=True, help="folder for everything that is made")
    arguments = parser.parse_args()

    sys.path.insert(0, str(HERE))
    runner = get_runner("icarus")
    runner.build(
        sources=sorted(arguments.rtl.glob("*.v")),
        hdl_toplevel=arguments.top,
        build_dir=arguments.build,
        build_args=["-g2005"],
        timescale=("1ns", "1ps"),
        always=True,
    )
    results = runner.test(
        hdl_toplevel=arguments.top, test_module=arguments.test, build_dir=arguments.build, test_dir=arguments.build
    )
    count, failed = get_results(results)
    print(f"{arguments.top}: {count} tests, {failed} failed")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
