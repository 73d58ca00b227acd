"""Workers share their numbers by slots that outlive them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

COUNTING = """
import sys, time
from cds_service.web import worker_slot
worker_slot.join()
from cds_service.web.metrics import Metrics
metrics = Metrics()
metrics.lost.inc(int(sys.argv[1]))
sys.stdout.write(f"{metrics.rows_lost}\\n")
sys.stdout.flush()
time.sleep(60)
"""


class Counter:
    """A process that lost `rows` rows; `seen` is what it says all processes lost."""

    def __init__(self, folder: Path, rows: int) -> None:
        environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(rows)], env=environ, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.seen = int(self._process.stdout.readline())

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


def test_numbers_add_up_never_fall_and_leave_no_files_behind(tmp_path: Path) -> None:
    first, second = Counter(tmp_path, 1), Counter(tmp_path, 10)
    assert (first.seen, second.seen) == (1, 11)

    for round_ in range(1, 4):
        second.kill()
        second = Counter(tmp_path, 10)
        assert second.seen == 11 + 10 * round_
    first.kill()
    second.kill()

    assert sorted(path.name for path in tmp_path.glob("counter_*")) == ["counter_slot0.db", "counter_slot1.db"]


def test_alone_a_process_shares_nothing(tmp_path: Path) -> None:
    program = COUNTING.replace("time.sleep(60)", "")
    environ = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", program, "3"], env=environ, capture_output=True, text=True, check=True, cwd=Path.cwd()
    )

    assert done.stdout == "3\n"
    assert list(tmp_path.iterdir()) == []
