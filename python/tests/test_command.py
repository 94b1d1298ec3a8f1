"""The command ``ruvector``: start, verbs of an index, exit codes, errors, streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from command_line import COMMAND, answer, environment, failure, ruvector_command

import ruvector as rv

ROWS = np.random.default_rng(4).standard_normal((500, 16), dtype=np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an index with vectors, one without, and the vectors."""
    path = tmp_path_factory.mktemp("command")
    with rv.Index.build(ROWS) as index:
        index.save(path / "with.rvx", vectors=True)
    with rv.Index.build(ROWS, ids=[f"row {i}" for i in range(500)], keep="none", kind="flat") as i:
        i.save(path / "codes.rvx")
    np.save(path / "rows.npy", ROWS)
    np.save(path / "three.npy", ROWS[:3])
    return path


def written(row: int) -> str:
    return json.dumps(ROWS[row].tolist())


# Start.


def test_help_and_version_load_neither_numpy_nor_the_package():
    script = (
        "import sys, ruvector_cli; code = ruvector_cli.main(sys.argv[1:])\n"
        "heavy = {'numpy', 'ruvector', 'json', 'dataclasses', 'typing', 'inspect'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "sys.exit(code)"
    )
    for words in (["--help"], ["--version"], ["search", "--help"], ["info"]):
        command = [sys.executable, "-c", script, *words]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        assert done.returncode == (2 if words == ["info"] else 0), done.stderr


def test_the_version_is_that_of_the_package():
    assert ruvector_command("--version").stdout == f"ruvector {rv.__version__}\n"


def test_python_dash_m_is_the_same_command(folder):
    command = [sys.executable, "-m", "ruvector", "info", str(folder / "with.rvx"), "--json"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert json.loads(done.stdout)["rows"] == 500


def test_help_tells_every_verb_and_every_exit_code():
    told = ruvector_command("--help").stdout
    for word in ("search", "info", "verify", "0 done", "1 the", "2 the", "130 Ctrl-C", "141"):
        assert word in told


# Verbs.


def test_info_says_what_an_index_is(folder):
    told = answer("info", folder / "codes.rvx")
    with rv.Index.load(folder / "codes.rvx") as index:
        info = index.info()
    assert told["path"] == str(folder / "codes.rvx")
    assert told["file_bytes"] == (folder / "codes.rvx").stat().st_size
    for name in ("rows", "dim", "kind", "metric", "bits", "id_kind", "seed", "vectors"):
        assert told[name] == info[name]
    assert "source_address" not in told
    shown = ruvector_command("info", folder / "codes.rvx").stdout
    assert "rows        500\n" in shown and "not inside: scores are estimates" in shown


def test_verify_tells_a_whole_file(folder):
    told = answer("verify", folder / "with.rvx")
    assert told["whole"] is True and told["rows"] == 500 and told["vectors"] == "inside"
    attached = answer("verify", folder / "codes.rvx", "--vectors", folder / "rows.npy")
    assert attached["vectors"] == "compared"
    assert ": whole, " in ruvector_command("verify", folder / "codes.rvx").stdout


def test_search_finds_what_the_library_finds(folder):
    told = answer("search", folder / "with.rvx", "--vector", written(7), "--k", 4)
    with rv.Index.load(folder / "with.rvx") as index:
        result = index.search(ROWS[7], k=4)
    (hits,) = told["hits"]
    assert [hit["id"] for hit in hits] == result.ids.tolist()
    assert [hit["score"] for hit in hits] == result.scores.tolist()
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]
    assert told["metric"] == "cosine" and told["score"] == "cosine_similarity"
    assert told["k"] == 4 and told["scores"] == "exact"


@pytest.mark.parametrize("way", ["npy", "json", "-"])
def test_batches_come_from_files_and_from_standard_input(folder, tmp_path, way):
    text = json.dumps(ROWS[:3].tolist())
    (tmp_path / "q.json").write_text(text)
    source = {"npy": folder / "three.npy", "json": tmp_path / "q.json", "-": "-"}[way]
    told = answer("search", folder / "codes.rvx", "--vector", source, "--k", 2, given=text)
    assert told["queries"] == 3 and told["scores"] == "estimated"
    assert [row[0]["id"] for row in told["hits"]] == ["row 0", "row 1", "row 2"]


def test_attached_vectors_make_scores_exact(folder):
    words = ("search", folder / "codes.rvx", "--vector", written(9), "--k", 3)
    told = answer(*words, "--vectors", folder / "rows.npy", "--recall", 1, "--threads", 1)
    assert told["scores"] == "exact"
    assert told["hits"][0][0] == {"rank": 1, "id": "row 9", "score": pytest.approx(1.0)}


def test_a_table_for_people_has_its_columns_below_each_other(folder):
    done = ruvector_command("search", folder / "with.rvx", "--vector", written(7), "--k", 12)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["rank", "id", "cosine_similarity"]
    assert len(lines) == 13 and len({len(line) for line in lines}) == 1
    batch = ruvector_command("search", folder / "with.rvx", "--vector", folder / "three.npy")
    assert batch.stdout.splitlines()[0].split()[0] == "query_row"
    assert len(batch.stdout.splitlines()) == 31


def test_text_is_embedded_by_what_made_the_index(tmp_path):
    texts = ["money was paid back", "the parcel is broken", "a forgotten password"]
    with rv.build_index(pl.DataFrame({"said": texts}), text="said") as index:
        index.save(tmp_path / "texts.rvx", vectors=True)
    told = answer("search", tmp_path / "texts.rvx", "--text", "refund", "--k", 1)
    assert told["hits"][0][0]["id"] == 0
    several = ("--text", "password", "--text", "parcel")
    told = answer("search", tmp_path / "texts.rvx", *several, "--k", 1)
    assert [row[0]["id"] for row in told["hits"]] == [2, 1]


# Errors.


@pytest.mark.parametrize(
    "words",
    [
        [], ["fly"], ["search"], ["search", "x.rvx"], ["info", "x.rvx", "--k", "3"],
        ["search", "x.rvx", "--vector", "[1]", "--k", "0"],
        ["search", "x.rvx", "--vector", "[1]", "--k", "many"],
        ["search", "x.rvx", "--vector", "[1]", "--recall", "high"],
        ["search", "x.rvx", "--vector", "[1]", "--text", "both"],
        ["search", "x.rvx", "--vec", "[1]"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_understood_is_code_2_and_names_the_help(words):
    told = failure(2, *words)
    assert told["kind"] == "Usage" and "--help` tells" in told["mend"]


def test_values_that_the_library_refuses_are_code_2(folder):
    told = failure(2, "search", folder / "with.rvx", "--vector", written(0), "--recall", "7")
    assert told["kind"] == "InvalidArgument" and "recall=7" in told["why"]


def damaged(folder, tmp_path, how):
    data = bytearray((folder / "codes.rvx").read_bytes())
    if how == "flipped":
        data[len(data) // 2] ^= 1
    elif how == "short":
        data = data[:-10]
    else:
        data[:8] = b"PNG12345"
    path = tmp_path / "bad.rvx"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("verb", ["verify", "info"])
@pytest.mark.parametrize(
    "how, kind", [("flipped", "CorruptIndex"), ("short", "CorruptIndex"), ("other", "NotAnIndex")]
)
def test_a_damaged_index_is_named(folder, tmp_path, verb, how, kind):
    path = damaged(folder, tmp_path, how)
    if (verb, how) == ("info", "flipped"):  # the head alone is read
        assert answer(verb, path)["rows"] == 500
        return
    told = failure(1, verb, path)
    assert told["kind"] == kind and told["where"] == {"path": str(path)} and told["mend"]


def test_a_missing_file_is_a_block_of_what_where_why_and_mend(tmp_path):
    path = tmp_path / "absent.rvx"
    done = ruvector_command("info", path)
    assert done.returncode == 1 and done.stdout == ""
    first, where, why, mend = done.stderr.splitlines()
    assert first == "ruvector: info failed: FileMissing"
    assert where == f"  where   {path}"
    assert why.startswith("  why     ") and "no such file" in why
    assert mend.startswith("  mend    ")


@pytest.mark.parametrize(
    "text, kind",
    [
        ("[1, 2, 3]", "DimensionMismatch"), ("[NaN" + ", 1" * 15 + "]", "InvalidVector"),
        ("[1, ", "Unreadable"), ('["a"]', "Unreadable"), ("[[[1]]]", "Unreadable"),
        ("[[1, 2], [3]]", "Unreadable"), ("absent.json", "OSError"), ("absent.npy", "OSError"),
        ("[" * 100_000, "Unreadable"),
    ],
)  # fmt: skip
def test_queries_that_are_none_are_named(folder, text, kind):
    told = failure(1, "search", folder / "with.rvx", "--vector", text)
    assert told["kind"] == kind and told["where"]["path"]


def test_arrays_are_never_unpickled(folder, tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    told = failure(1, "search", folder / "with.rvx", "--vector", tmp_path / "objects.npy")
    assert told["kind"] == "Unreadable" and "numpy.save" in told["mend"]


def test_text_for_an_index_that_knows_no_embedder_names_the_option(folder):
    told = failure(1, "search", folder / "with.rvx", "--text", "hello")
    assert told["kind"] == "EmbedError" and "--model" in told["mend"]


def test_vectors_of_another_index_are_refused(folder, tmp_path):
    np.save(tmp_path / "other.npy", ROWS[::-1].copy())
    told = failure(1, "verify", folder / "codes.rvx", "--vectors", tmp_path / "other.npy")
    assert told["kind"] == "VectorsChanged"


# Streams.


def test_names_that_are_not_utf_8_are_read_and_shown(folder, tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.rvx"
    with open(path, "wb") as file:
        file.write((folder / "with.rvx").read_bytes())
    assert answer("info", path)["path"] == os.fsdecode(path)
    assert "caf\\udce9.rvx" in ruvector_command("info", path).stdout
    told = failure(1, "info", path + b"x")
    assert told["where"]["path"] == os.fsdecode(path) + "x"
    plain = ruvector_command("info", path + b"x", env=environment(LC_ALL="C", PYTHONUTF8="0"))
    assert plain.returncode == 1 and "caf\\udce9.rvxx" in plain.stderr


def test_nobody_reading_is_code_141_without_a_word(folder):
    reader, writer = os.pipe()
    os.close(reader)
    command = [*COMMAND, "search", str(folder / "with.rvx"), "--vector", written(0)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment())
    os.close(writer)
    assert done.returncode == 141 and done.stderr == b""


def test_head_ends_a_long_answer(folder):
    search = f"search {folder}/with.rvx --vector {folder}/rows.npy --k 500"
    shell = f'"$0" -c "$1" {search} | head -1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", shell, COMMAND[0], COMMAND[2]],
                          env=environment(), capture_output=True, text=True)  # fmt: skip
    header, code = done.stdout.splitlines()
    assert header.split()[:2] == ["query_row", "rank"]
    assert code == "141" and done.stderr == ""


def test_a_full_disk_is_an_error(folder):
    with open("/dev/full", "w") as full:
        command = [*COMMAND, "info", str(folder / "with.rvx")]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment()
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr and "Exception ignored" not in done.stderr


def test_closed_streams_change_the_exit_code_of_nothing(folder):
    for end, code in ((f"info {folder}/with.rvx", 0), ("info absent.rvx", 1), ("", 2)):
        shell = f'"$0" -c "$1" {end} >&- 2>&- <&-'
        command = ["bash", "-c", shell, COMMAND[0], COMMAND[2]]
        assert subprocess.run(command, env=environment()).returncode == code


def test_ctrl_c_is_code_130_and_one_line(folder, tmp_path):
    fifo = tmp_path / "never.json"
    os.mkfifo(fifo)
    command = [*COMMAND, "search", str(folder / "with.rvx"), "--vector", str(fifo), "--json"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    with open(fifo, "w"):  # opened once the command reads: it waits there
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(said)["error"]["kind"] == "KeyboardInterrupt"


def test_a_defect_is_told_with_its_trace(monkeypatch, capsys):
    import ruvector_cli
    from ruvector_cli.verbs import info

    def broken(asked):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(info, "run", broken)
    assert ruvector_cli.main(["info", "x.rvx"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said and "please report it" in said and "in broken" in said


def test_warnings_are_lines_and_quiet_has_none(folder):
    script = (
        "import sys, warnings, ruvector_cli\nfrom ruvector_cli.verbs import info\n"
        "info.run = lambda asked: warnings.warn('costs more', stacklevel=1)\n"
        "sys.exit(ruvector_cli.main())"
    )
    for words, said in (["info", "x"], "ruvector: warning: costs more\n"), (
        ["info", "x", "--quiet"], ""
    ):  # fmt: skip
        done = subprocess.run([sys.executable, "-c", script, *words],
                              env=environment(), capture_output=True, text=True)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, said)
