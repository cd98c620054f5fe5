"""What the terminal gets: width, foreign scripts, hostile titles, colour, encodings."""

import io
import re
import sys

import pytest

from bulkeditor.cli._screen import Column, Screen, cells, fit

COLUMNS = (Column("SKU", shrinks=True), Column("title", shrinks=True), Column("price", right=True))
ROWS = [("A-1", "电阻 10kΩ ±1% 0402 " * 5, "0.0121"), ("A-22", "Mug", "1234.50")]


@pytest.mark.parametrize("width", [1, 40, 60, 80, 100, 500])
def test_a_table_keeps_within_the_width(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(width=width)
    screen.table(COLUMNS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(cells(line) <= screen.width for line in lines)
    assert {cells(line) for line in lines} == {cells(lines[0])}, "the last column is flush right"
    assert lines[1].endswith("0.0121")


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 4, "abc…"),
        ("电阻电阻", 5, "电阻…"),
        ("电阻电阻", 4, "电… "),
        ("", 2, "  "),
    ],
)
def test_texts_are_cut_by_cells(text: str, width: int, expected: str) -> None:
    assert fit(text, width) == expected
    assert cells(expected) == width


def test_data_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().table((Column("title"),), [("a\x1b[31mred\r\nsecond\x07\u202e",)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\r" not in out
    assert "\u202e" not in out
    assert len(out.splitlines()) == 2


def test_a_pipe_gets_neither_colour_nor_rewritten_lines(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.held(True, "good")
    screen.progress(0.5, "5/10")
    screen.progress(1.0, "10/10")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\r" not in out
    assert "5/10" not in out
    assert "10/10" in out


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, encoding: str = "utf-8") -> io.BytesIO:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(raw, encoding=encoding, write_through=True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return raw


def test_a_terminal_gets_colour_and_a_moving_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = on_terminal(monkeypatch)
    screen = Screen()
    screen.held(False, "bad")
    screen.progress(0.5, "5/10")
    text = raw.getvalue().decode()
    assert "\x1b[" in text
    assert "\r" in text
    assert "5/10" in text


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = on_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    screen.held(True, "good")
    screen.heading("Title")
    screen.progress(0.5, "5/10")
    assert b"\x1b[" not in raw.getvalue()


def test_an_encoding_without_the_marks_gets_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = on_terminal(monkeypatch, "ascii")
    screen = Screen(color=False)
    screen.held(True, "10 \u00d7 \u221220 %")
    screen.table((Column("title"),), [("电阻 é",)])
    screen.progress(1.0, "10/10")
    text = re.sub(r"\s+", " ", raw.getvalue().decode("ascii"))
    assert "ok 10 x -20 %" in text
    assert "?? ?" in text
