"""A measurement runs in a process of its own, and its failure is told in one line."""

import os
import time

import pytest

from benchmarks import worker
from benchmarks.worker import MeasurementError, measure


def test_the_result_comes_back_from_another_process() -> None:
    assert measure(os.getpid) != os.getpid()


def test_arguments_reach_the_function() -> None:
    assert measure(worker.json.dumps, obj=[1, 2]) == "[1, 2]"


def test_an_error_is_named() -> None:
    with pytest.raises(MeasurementError, match=r"ModuleNotFoundError: No module named 'nowhere'"):
        measure(worker.importlib.import_module, name="nowhere")


def test_an_exit_without_an_error_tells_its_code() -> None:
    with pytest.raises(MeasurementError, match="exit code 3"):
        measure(os._exit, status=3)


def test_a_measurement_does_not_last_for_ever() -> None:
    with pytest.raises(MeasurementError, match="took more than 0 s"):
        measure(time.sleep, timeout=0.2)
