"""Nothing leads out of the directory of a connection."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from connectors.sdk.errors import ConfigurationError, ConnectorError, SourcePermissionError, SourceProtocolError
from connectors.sdk.paths import find_files, open_file, open_root, path_parts

REFUSED = (
    *("", " ", "/etc/passwd", "//etc/passwd", "..", "../x", "a/../../x", "a/..", "./x", "a/./b", "a//b", "a/", "/"),
    *("..\\x", "a\\..\\x", "\\\\server\\share", "C:\\x", "c:/x", "C:x", "~/x", "~root/x", "a\0b", "a\nb", "x\x7f"),
    *("/proc/self/root/etc/passwd", "/dev/stdin", "....//../x", "a/b/../../../x", "\t"),
)
NOT_THERE = (
    "%2e%2e/x",
    "..%2fx",
    "..;/x",
    "%2fetc%2fpasswd",
    "．．/x",
    "file:///etc/passwd",
    "…/x",
    " ../x",
    "a/ ../x",
)


@pytest.mark.parametrize("spelling", REFUSED)
def test_a_spelling_that_could_lead_out_is_refused(spelling: str) -> None:
    with pytest.raises(ValueError, match="path"):
        path_parts(spelling)


@pytest.mark.parametrize("spelling", (*REFUSED, *NOT_THERE))
def test_no_spelling_opens_a_file_outside(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "x").write_text("secret")
    inside = tmp_path / "inside"
    (inside / "a").mkdir(parents=True)
    root = open_root(inside)
    try:
        with pytest.raises(ConnectorError):
            open_file(root, spelling).handle.close()
    finally:
        os.close(root)


def test_links_are_neither_found_nor_opened(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.csv").write_text("a\n1\n")
    (inside / "good.csv").write_text("a\n1\n")
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    (inside / "near.csv").symlink_to("good.csv")
    (inside / "folder").symlink_to(outside)
    root = open_root(inside)
    try:
        found = [[file.path for file in find_files(root, pattern)] for pattern in ("*", "*/*", "**/*", "**")]
        assert found == [["good.csv"], [], ["good.csv"], ["good.csv"]]
        for name in ("link.csv", "near.csv", "folder/secret.csv", "folder"):
            with pytest.raises(SourcePermissionError):
                open_file(root, name)
    finally:
        os.close(root)


def test_a_folder_swapped_for_a_link_while_opening_never_leads_out(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (inside / "real").mkdir(parents=True)
    outside.mkdir()
    (outside / "f").write_text("secret")
    (inside / "real" / "f").write_text("good")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (inside / "link").symlink_to(outside)
            (inside / "link").rename(inside / "now")
            (inside / "now").unlink()
            (inside / "real").rename(inside / "now")
            (inside / "now").rename(inside / "real")

    thread = threading.Thread(target=swap)
    thread.start()
    root = open_root(inside)
    seen = set()
    try:
        for _ in range(1_000):
            try:
                with open_file(root, "now/f").handle as handle:
                    seen.add(handle.read())
            except ConnectorError:
                continue
    finally:
        stop.set()
        thread.join()
        os.close(root)
    assert b"secret" not in seen


def test_what_is_not_a_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    root = open_root(tmp_path)
    try:
        assert find_files(root, "*.csv") == []
        for name in ("pipe.csv", "folder.csv"):
            with pytest.raises(SourcePermissionError):
                open_file(root, name)
        with pytest.raises(ConfigurationError):
            open_file(root, "../x")
    finally:
        os.close(root)


def test_globs_stay_within_their_part_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", ".hidden.csv", "d/c.csv", "d/e/f.csv", ".h/g.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    root = open_root(tmp_path)
    try:

        def found(pattern: str) -> list[str]:
            return [file.path for file in find_files(root, pattern)]

        assert found("*.csv") == ["a.csv", "b.csv"]
        assert found("*/*.csv") == ["d/c.csv"]
        assert found("**/*.csv") == ["a.csv", "b.csv", "d/c.csv", "d/e/f.csv"]
        assert found("[ab].csv") == ["a.csv", "b.csv"]
        assert found(".hidden.csv") == [".hidden.csv"]
        assert found("none*") == []
    finally:
        os.close(root)


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    root = open_root(tmp_path)
    try:
        file = open_file(root, "a.csv")
        with file.handle:
            file.check_unchanged()
            path.write_text("a\n")
            with pytest.raises(SourceProtocolError, match=r"a\.csv"):
                file.check_unchanged()
    finally:
        os.close(root)
