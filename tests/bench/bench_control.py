"""Cost of the control blocks per call. Run it: python tests/bench/bench_control.py"""

import time
from collections.abc import Callable

from controller.control.pid import Pid
from controller.control.pid_config import Algorithm, Direction, LoopMode, PidConfig

CALLS = 50_000


def _loop(algorithm: Algorithm, period_s: float) -> Pid:
    pid = Pid(
        PidConfig(
            name="bench",
            kc=2.0,
            ti_s=60.0,
            td_s=1.0,
            period_s=period_s,
            direction=Direction.REVERSE,
            out_low=0.0,
            out_high=100.0,
            sp_low=0.0,
            sp_high=100.0,
            sp=50.0,
            pv_filter_s=1.0,
            algorithm=algorithm,
        )
    )
    pid.initialise(50.0)
    pid.set_mode(LoopMode.AUTO)
    return pid


def _us_per_call(call: Callable[[int], object]) -> float:
    """Best of five, microseconds, the empty loop taken off."""

    def nothing(k: int) -> None: ...

    def best(of: Callable[[int], object]) -> float:
        took = []
        for turn in range(5):
            start = time.perf_counter()
            for k in range(turn * CALLS, (turn + 1) * CALLS):
                of(k)
            took.append(time.perf_counter() - start)
        return min(took)

    return 1e6 * (best(call) - best(nothing)) / CALLS


def _scan_us(algorithm: Algorithm, period_s: float, pv_span: float = 1.0) -> float:
    pid = _loop(algorithm, period_s)
    wave = [50.0 + pv_span * (k % 7 - 3) for k in range(7)]
    return _us_per_call(lambda k: pid.scan(0.1 * k, wave[k % 7], 0, ff=1.0))


def run() -> dict[str, float]:
    """Microseconds per Pid.scan: computing, between two periods, at its limits."""
    simple, back = Algorithm.SIMPLE_PID, Algorithm.BACK_CALCULATION
    return {
        "pid_computes_simple_pid_us": _scan_us(simple, 0.1),
        "pid_computes_back_calculation_us": _scan_us(back, 0.1),
        "pid_not_due_us": _scan_us(simple, 86_400.0),
        "pid_at_limits_us": _scan_us(simple, 0.1, pv_span=1000.0),
    }


def main() -> None:
    """Print the figures."""
    for name, us in run().items():
        print(f"{name:36s} {us:6.2f}")


if __name__ == "__main__":
    main()
