"""Runs that something stopped half way: restored, or ended plainly; the model goes on."""

import linecache
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from revc.errors import BindError
from revc.runtime.bits.errors import SpillError
from revc.runtime.model import ReversibleModel
from tests.bits.test_spill_fails import FORKS, LINUX, files_of
from tests.metered.test_programs import BODIES, HEAD, PAIR, SPECS, make
from tests.model.laws import gradients, weighted

Inputs = dict[str, torch.Tensor]


class Stop(BaseException):
    """Comes at any line, as a KeyboardInterrupt does."""


def stopped_at(call: Callable[[], object], line: int) -> bool:
    """Stop a call at a line of the runtime that it passes; say whether it passed that many."""
    passed = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal passed
        if "/runtime/" not in frame.f_code.co_filename or finalises(frame):
            return None
        if event == "line" and not ends_with(frame):
            passed += 1
            if passed == line:
                raise Stop
        return trace

    sys.settrace(trace)
    try:
        call()
    except Stop:
        return True
    finally:
        sys.settrace(None)
    return False


def ends_with(frame: Any) -> bool:
    """Say whether a frame may be at the end of a `with`: Python lets nothing in before its exit."""
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with ")


def finalises(frame: Any) -> bool:
    """Say whether a frame runs for a `__del__`, out of which Python lets nothing come."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def check_inverse(model: ReversibleModel, out: Any, inputs: Inputs, wanted: Any) -> None:
    for value, was in zip(model.inverse(out), wanted, strict=True):
        assert torch.equal(value, was)


@pytest.mark.parametrize("name", ["in a repeat", "scale"])
def test_an_inverse_that_was_interrupted_anywhere_can_be_asked_for_again(name: str) -> None:
    model, inputs = make(SPECS[name])
    out = model(**inputs)
    wanted = model.inverse(out)
    size = {n: s.digest() for n, s in out.run.session.stacks.items()}
    line, stops = 1, 0
    while stopped_at(lambda: model.inverse(out), line):
        stops += 1
        if stops % 3 == 0:
            check_inverse(model, out, inputs, wanted)
            assert {n: s.digest() for n, s in out.run.session.stacks.items()} == size
        line += 7 + stops
    assert stops > 20
    check_inverse(model, out, inputs, wanted)


def test_a_backward_pass_that_was_interrupted_leaves_the_run_to_others() -> None:
    model, inputs = make(SPECS["in a repeat"])
    plain = model.inverse(model(**inputs))
    for line in (1, 50, 200, 400, 800):
        out = model(**inputs)
        loss = weighted(out._asdict())
        assert stopped_at(loss.backward, line)
        check_inverse(model, out, inputs, plain)


def test_a_run_that_another_thread_undoes_is_refused_in_clear_words() -> None:
    from threading import Thread

    model, inputs = make(SPECS["scale"])
    out = model(**inputs)
    thread = Thread(target=out.run.session.turn_back)
    thread.start()
    thread.join()
    with pytest.raises(BindError, match="by another thread"):
        model.inverse(out)
    out.run.session.come_forth(out.run.session.undoing)
    model.inverse(out)


# --- spilled runs --------------------------------------------------------------------------------


def streaming(path: Path) -> tuple[ReversibleModel, Inputs]:
    spec = HEAD + PAIR.format(f"repeat 40 {{ b += linear(a)\n{BODIES['whole register']} }}")
    model, inputs = make(spec)
    model.bits.lanes, model.bits.spill = 1, path
    return model, inputs


@LINUX
def test_a_full_disk_ends_the_forward_pass_and_not_the_model(tmp_path: Path) -> None:
    model, inputs = streaming(tmp_path / "tape")
    whole = model(**inputs)
    size = (tmp_path / "tape").stat().st_size
    del whole
    for most in (200, size // 2, size - 1):  # the last one loses no more than the last chunk
        with files_of(most), pytest.raises(SpillError, match=r"spill file .*tape fails: File too"):
            model(**inputs)
    out = model(**inputs)
    gradients(weighted(out._asdict()), list(inputs.values()))


def test_a_spill_file_that_is_cut_does_not_blame_the_parameters(tmp_path: Path) -> None:
    model, inputs = streaming(tmp_path / "tape")
    out = model(**inputs)
    with (tmp_path / "tape").open("r+b") as file:
        file.truncate(300)
    with pytest.raises(SpillError, match=r"spill file .*tape fails"):
        gradients(weighted(out._asdict()), list(inputs.values()))
    with pytest.raises(BindError, match="read back or written over"):
        model.inverse(out)
    again = model(**inputs)
    gradients(weighted(again._asdict()), list(inputs.values()))


@FORKS
def test_a_forked_child_cannot_undo_a_run_whose_tape_streams(tmp_path: Path) -> None:
    model, inputs = streaming(tmp_path / "tape")
    out = model(**inputs)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            model.inverse(out)
        except SpillError as error:
            code = 0 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(model.inverse(out)) == 2
