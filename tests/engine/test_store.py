"""The file under a ledger: foreign, old, new, damaged, full, locked, read-only, forked."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bulkeditor.engine import Done, Put, SQLiteLedger, Step
from bulkeditor.engine._database import Database
from bulkeditor.engine._schema import APPLICATION_ID, MIGRATIONS
from bulkeditor.errors import ConfigurationError, StoreError
from tests.engine.test_ledger import Given, step


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def refused(path: Path, match: str, **options) -> StoreError:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=match) as caught:
        SQLiteLedger(path, **options)
    assert str(path) in str(caught.value)
    assert caught.value.hint
    after = path.read_bytes() if path.is_file() else None
    assert after == before, "it is left as it is"
    return caught.value


class TestOpening:
    def test_a_file_of_another_kind(self, path):
        path.write_text("Dear diary, " * 1000)
        refused(path, "is no SQLite file")

    def test_the_sqlite_file_of_another_program(self, path):
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE notes (text)")
        other.close()
        refused(path, "is the SQLite file of another program")

    def test_a_new_file_that_many_open_at_once(self, tmp_path):
        together = threading.Barrier(8)

        def opened(path):
            together.wait()
            SQLiteLedger(path).close()

        with ThreadPoolExecutor(8) as pool:
            for number in range(12):
                list(pool.map(opened, [tmp_path / f"{number}.db"] * 8))

    def test_a_file_that_another_program_has_only_marked(self, path):
        other = sqlite3.connect(path)
        other.execute("PRAGMA application_id = 7")
        other.close()
        refused(path, "is the SQLite file of another program")

    def test_a_file_of_a_newer_version(self, path):
        SQLiteLedger(path).close()
        later = sqlite3.connect(path)
        later.execute("PRAGMA user_version = 99")
        later.close()
        error = refused(path, "written by a newer version")
        assert "schema 99" in error.message

    @pytest.mark.parametrize("replaced", [True, False])
    def test_a_file_that_is_deleted_while_it_is_open(self, path, replaced):
        with SQLiteLedger(path) as ledger:
            run = ledger.start_run("k", Given(step("a")))
            claim = ledger.claim(run, 30)
            path.unlink()
            if replaced:
                SQLiteLedger(path).close()
            with pytest.raises(StoreError, match="was deleted or replaced while it was open"):
                ledger.finish(claim, Done())

    def test_a_program_that_changes_its_folder_keeps_its_file(self, path, tmp_path, monkeypatch):
        monkeypatch.chdir(path.parent)
        with SQLiteLedger(path.name) as ledger:
            elsewhere = tmp_path / "elsewhere"
            elsewhere.mkdir()
            monkeypatch.chdir(elsewhere)
            ledger.start_run("k", Given(step("a")))
            assert [row.key for row in ledger.runs()] == ["k"]
            assert not list(elsewhere.iterdir())

    def test_a_folder(self, path):
        path.mkdir()
        refused(path, "cannot be opened")

    def test_a_folder_that_is_not_there(self, path):
        refused(path / "deeper" / "store.db", "cannot be opened")

    def test_an_empty_file_becomes_a_store(self, path):
        path.touch()
        with SQLiteLedger(path) as ledger:
            assert list(ledger.runs()) == []

    def test_it_waits_for_the_disk_and_is_marked(self, path):
        with SQLiteLedger(path) as ledger, ledger._database.write() as tx:
            assert tx.execute("PRAGMA synchronous").fetchone()[0] == 2
            assert tx.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            assert tx.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            assert tx.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
            strict = tx.execute("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 1")
            assert strict.fetchone()[0] == 9

    def test_many_processes_may_make_it_at_once(self, path):
        code = (
            "import sys\n"
            "from bulkeditor.engine import SQLiteLedger\n"
            "sys.stdin.read(1)\n"
            "SQLiteLedger(sys.argv[1]).close()\n"
        )
        children = [
            subprocess.Popen(
                [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(4)
        ]
        for child in children:
            child.stdin.write(b"!")
            child.stdin.flush()
        for child in children:
            _, problem = child.communicate(timeout=60)
            assert child.returncode == 0, problem.decode()
        with SQLiteLedger(path) as ledger:
            assert list(ledger.runs()) == []


class TestMigration:
    FIRST = ("CREATE TABLE one (a INTEGER) STRICT", "INSERT INTO one VALUES (1)")
    SECOND = ("ALTER TABLE one ADD COLUMN b INTEGER", "UPDATE one SET b = a + 1")
    BROKEN = ("UPDATE one SET b = 100", "SELECT * FROM nowhere")

    def test_an_older_file_is_brought_up_to_date(self, path):
        Database(path, migrations=[self.FIRST]).close()
        database = Database(path, migrations=[self.FIRST, self.SECOND])
        with database.read() as tx:
            assert tx.execute("SELECT a, b FROM one").fetchall() == [(1, 2)]
            assert tx.execute("PRAGMA user_version").fetchone()[0] == 2
        database.close()

    def test_a_migration_that_fails_changes_nothing(self, path):
        Database(path, migrations=[self.FIRST]).close()
        with pytest.raises(StoreError, match="nowhere"):
            Database(path, migrations=[self.FIRST, self.SECOND, self.BROKEN])
        database = Database(path, migrations=[self.FIRST])
        with database.read() as tx:
            assert tx.execute("SELECT * FROM one").fetchall() == [(1,)]
        database.close()

    def test_a_file_that_is_up_to_date_is_not_written_to(self, path):
        SQLiteLedger(path).close()
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            with SQLiteLedger(path, busy=0.1) as ledger:
                assert list(ledger.runs()) == []
        finally:
            holder.close()


class TestTrouble:
    def test_a_damaged_file(self, path):
        with SQLiteLedger(path) as ledger:
            ledger.put([Put(space="s", key=f"k{n}", value="x" * 500) for n in range(2000)])
        data = bytearray(path.read_bytes())
        data[3 * 4096 :] = b"\xff" * len(data[3 * 4096 :])
        path.write_bytes(data)
        with pytest.raises(StoreError, match="is damaged") as caught, SQLiteLedger(path) as ledger:
            list(ledger.entries("s"))
        assert "backup" in caught.value.hint

    def test_a_full_disk(self, path):
        with SQLiteLedger(path) as ledger:
            run = ledger.start_run("k", Given(step("a")))
            claim = ledger.claim(run, 30)
            with ledger._database.write() as tx:
                pages = tx.execute("PRAGMA page_count").fetchone()[0]
            writer = ledger._database._writer
            writer.execute(f"PRAGMA max_page_count = {pages + 2}")
            with pytest.raises(StoreError, match="the disk is full") as caught:
                ledger.finish(claim, Done(result="x" * 100_000))
            assert "Make room" in str(caught.value)
            writer.execute("PRAGMA max_page_count = 100000")
            ledger.finish(claim, Done(result="x" * 100_000))
            assert ledger.get(run).status == "done"

    def test_another_process_that_holds_it_for_too_long(self, path):
        with SQLiteLedger(path, busy=0.05) as ledger:
            ledger.put([Put(space="s", key="k", value=1)])
            holder = sqlite3.connect(path, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="is locked by another process"):
                ledger.put([Put(space="s", key="k", value=2)])
            assert ledger.state("s", "k") == 1, "reading goes on"
            holder.close()
            ledger.put([Put(space="s", key="k", value=3)])
            assert ledger.state("s", "k") == 3

    def test_a_file_that_may_only_be_read(self):
        # Not in tmp_path: for root nothing is read-only, and nobody else may look in there.
        folder = Path(tempfile.mkdtemp(prefix="bulkeditor-test-"))
        file = folder / "store.db"
        code = """if True:
            import os, sys
            from bulkeditor.engine import Put, SQLiteLedger
            from bulkeditor.errors import StoreError
            write = lambda path: SQLiteLedger(path).put([Put(space="s", key="k", value=2)])
            write(":memory:")
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            try:
                write(sys.argv[1])
            except StoreError as error:
                print(error)
        """
        try:
            SQLiteLedger(file).close()
            file.chmod(0o444)
            folder.chmod(0o555)
            done = subprocess.run(
                [sys.executable, "-c", code, file], capture_output=True, text=True, check=False
            )
        finally:
            folder.chmod(0o755)
            shutil.rmtree(folder)
        assert "cannot be written" in done.stdout or "cannot be opened" in done.stdout, done.stderr
        assert "Check" in done.stdout

    def test_a_bug_within_a_transaction_leaves_nothing(self, path):
        with SQLiteLedger(path) as ledger:
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012, SIM117 - it is raised within the transaction
                with ledger._database.write() as tx:
                    tx.execute("INSERT INTO fires VALUES ('s', 1)")
                    raise KeyboardInterrupt
            with ledger._database.write() as tx:
                assert tx.execute("SELECT * FROM fires").fetchall() == []

    @pytest.mark.parametrize("name", ["store.db", ":memory:"])
    def test_a_closed_store_says_so(self, tmp_path, name):
        ledger = SQLiteLedger(tmp_path / name if name == "store.db" else name)
        ledger.state("s", "k")
        ledger.close()
        ledger.close()
        with pytest.raises(ConfigurationError, match="closed"):
            ledger.due()
        with pytest.raises(ConfigurationError, match="closed"):
            ledger.put([])


class TestThreads:
    def test_steps_are_shared_among_threads_each_done_once(self, ledger):
        run = ledger.start_run("k", Given(*(step(f"s{n}") for n in range(300))))
        done: list[str] = []
        problems: list[BaseException] = []

        def work() -> None:
            try:
                claim = ledger.claim(run, 30)
                while claim is not None:
                    done.append(claim.step.key)
                    before = ledger.state("s", "count") or 0
                    assert isinstance(before, int)
                    ledger.entries("s")
                    claim = ledger.finish(claim, Done(), claim_next=30)
            except BaseException as error:  # noqa: BLE001 - looked at below
                problems.append(error)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not problems
        assert sorted(done) == sorted(f"s{n}" for n in range(300))
        assert ledger.get(run).status == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forking is for POSIX")
class TestForks:
    def fork(self, work) -> int:
        """Do something in a child; its exit code."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = work() or 0
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_both_sides_go_on_with_the_file(self, path):
        with SQLiteLedger(path) as ledger:
            ledger.put([Put(space="s", key="before", value=1)])
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    for n in range(100):
                        ledger.put([Put(space="s", key=f"child{n}", value=n)])
                    code = 0
                finally:
                    os._exit(code)
            for n in range(100):
                ledger.put([Put(space="s", key=f"parent{n}", value=n)])
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert sum(1 for _ in ledger.entries("s")) == 201
            with ledger._database.read() as tx:
                assert tx.execute("PRAGMA integrity_check").fetchone()[0] == "ok"

    def test_a_child_holds_locks_of_its_own(self, path):
        """With an inherited connection, SQLite in a child believes in locks that only the parent has."""
        ledger = SQLiteLedger(path, busy=0.05)
        ledger.put([Put(space="s", key="k", value=1)])
        ready, go = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(go[1])  # so that the end of the parent is the end of waiting
                with ledger._database.write():
                    os.write(ready[1], b"!")
                    os.read(go[0], 1)
                code = 0
            finally:
                os._exit(code)
        try:
            os.read(ready[0], 1)
            ledger.state("s", "k")
            ledger.close()
            # Were it the last connection, as the child's locks would say, it had taken the log away now.
            assert path.with_name("store.db-wal").exists()
            with SQLiteLedger(path, busy=0.05) as stranger, pytest.raises(StoreError, match="locked"):
                stranger.put([Put(space="s", key="k", value=2)])
        finally:
            for end in (*ready, *go):
                os.close(end)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with SQLiteLedger(path, busy=0.05) as stranger:
            stranger.put([Put(space="s", key="k", value=3)])

    def test_a_store_in_memory_stays_behind(self):
        with SQLiteLedger() as ledger:
            ledger.put([Put(space="s", key="k", value=1)])

            def work() -> int:
                try:
                    ledger.put([Put(space="s", key="k", value=2)])
                except ConfigurationError as error:
                    return 42 if "belongs to the process that made it" in str(error) else 2
                return 3

            assert self.fork(work) == 42
            assert ledger.state("s", "k") == 1

    def test_a_transaction_under_way_is_waited_for(self, path):
        with SQLiteLedger(path) as ledger:
            inside, leave = threading.Event(), threading.Event()

            def write() -> None:
                with ledger._database.write() as tx:
                    tx.execute("INSERT INTO fires VALUES ('s', 1)")
                    inside.set()
                    leave.wait()

            thread = threading.Thread(target=write)
            thread.start()
            inside.wait()
            threading.Timer(0.05, leave.set).start()

            def count() -> int:
                with ledger._database.read() as tx:
                    return tx.execute("SELECT count(*) FROM fires").fetchone()[0] + 10

            assert self.fork(count) == 11
            thread.join()


def test_a_copy_of_the_file_is_a_store(path, tmp_path):
    with SQLiteLedger(path) as ledger:
        run = ledger.start_run("k", Given(Step(key="a", kind="do")))
    shutil.copy(path, tmp_path / "copy.db")
    with SQLiteLedger(tmp_path / "copy.db") as ledger:
        assert ledger.claim(run, 30).step.key == "a"
