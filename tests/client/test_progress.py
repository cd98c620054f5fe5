"""How far a job is, shown: a bar in a terminal, lines elsewhere, a widget in a notebook."""

from __future__ import annotations

import io
import sys
from types import ModuleType
from typing import Any

import pytest

from bulkeditor import Job
from bulkeditor.client._progress import line, of_job, showing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def job(done: int, status: str = "running", errors: int = 0) -> Job:
    return Job(id="job_1", status=status, processed_products=done, total_products=4, errors=errors)


def test_one_line_says_it_all() -> None:
    assert line(of_job(job(1))) == f"{'█' * 8}{'·' * 22}  25 % 1/4 running"
    assert line(of_job(job(4, "completed", 2))).endswith("100 % 4/4 completed, 2 errors")
    assert "0 %" in line(of_job(Job(id="job_1")))


def test_a_terminal_shows_one_line_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with showing(True, of_job) as show:
        assert show is not None
        show(job(1))
        show(job(4, "completed"))
    assert stream.getvalue().count("\r") == 2
    assert stream.getvalue().count("\n") == 1


def test_elsewhere_there_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(True, of_job) as show:
        assert show is not None
        for state in (job(1), job(2), job(4, "completed")):
            show(state)
    assert [text.split()[-1] for text in capsys.readouterr().err.splitlines()] == ["running", "completed"]


def test_a_callable_is_called_and_false_is_silence(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Job] = []
    with showing(seen.append, of_job) as show:
        assert show == seen.append
    with showing(False, of_job) as show:
        assert show is None
    assert capsys.readouterr().err == ""


def test_a_notebook_has_its_own_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class ZMQInteractiveShell:
        pass

    class Widget:
        made: list[Any] = []  # noqa: RUF012 - the double's record

        def __init__(self, total: float, unit: str) -> None:
            self.n = 0.0
            self.closed = False
            self.made.append(self)

        def set_description(self, desc: str) -> None:
            self.description = desc

        def refresh(self) -> None:
            pass

        def close(self) -> None:
            self.closed = True

    shell = ModuleType("IPython")
    shell.get_ipython = ZMQInteractiveShell  # type: ignore[attr-defined]
    widgets = ModuleType("tqdm.notebook")
    widgets.tqdm = Widget  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "tqdm.notebook", widgets)
    with showing(True, of_job) as show:
        assert show is not None
        show(job(3))
    (widget,) = Widget.made
    assert (widget.n, widget.description, widget.closed) == (75.0, "running", True)
    assert capsys.readouterr().err == ""
