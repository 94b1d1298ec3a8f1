"""The header, the library and the Python table agree; loading is lazy, locked and explained."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ruvector import _errors, _native
from ruvector._errors import InvalidArgument, RuVectorError
from ruvector._native import library as _library
from ruvector._native import structs as _structs
from ruvector._native.arrow import ArrowArray, ArrowSchema

ROOT = Path(__file__).resolve().parents[2]
HEADERS = sorted((ROOT / "cabi").glob("ruvector*.h"))
HEADER = "".join(path.read_text() for path in HEADERS)
BARE = re.sub(r"/\*.*?\*/", " ", HEADER, flags=re.DOTALL)
PACKAGE = Path(_library.__file__).resolve().parents[2]

SCALARS = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "double": ctypes.c_double,
    "rv_handle": ctypes.c_uint64,
    "void": None,
}


def declared() -> dict[str, tuple[str, list[str]]]:
    """Function -> (result, arguments) as the header has them."""
    found = re.findall(r"RV_API\s+(\w+)\s+(rv_\w+)\s*\(([^)]*)\)\s*;", BARE)
    return {
        name: (result, [] if args.strip() == "void" else args.split(","))
        for result, name, args in found
    }


def python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that sees the package."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE), **env},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def output(code: str, **env: str) -> str:
    done = python(code, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_library_exports_what_the_header_declares_and_nothing_else():
    command = ["nm", "-D", "--defined-only", str(_library.PATH)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert {line.split()[-1].split("@")[0] for line in lines} == set(declared())


def test_python_has_the_type_of_every_function():
    header = declared()
    assert set(_library.PROTOTYPES) == set(header)
    for name, (result, arguments) in header.items():
        ours, types = _library.PROTOTYPES[name]
        assert ours is SCALARS[result], name
        assert len(types) == len(arguments), name
        for text, ctype in zip(arguments, types, strict=True):
            pointer = "*" in text or "[" in text
            if pointer:
                assert ctype in (ctypes.c_void_p, ctypes.c_char_p), (name, text)
            else:
                assert ctype is SCALARS[text.split()[0]], (name, text)


def test_types_are_set_on_the_loaded_functions():
    lib = _library.library()
    for name, (result, arguments) in _library.PROTOTYPES.items():
        function = getattr(lib, name)
        assert function.restype is result, name
        assert list(function.argtypes) == arguments, name


STRUCTS = {
    "struct ArrowArray": ArrowArray,
    "struct ArrowSchema": ArrowSchema,
    **{
        cls.__doc__.removeprefix("struct "): cls
        for cls in vars(_structs).values()
        if isinstance(cls, type) and cls.__module__ == _structs.__name__
    },
}


def test_python_has_every_struct_and_every_field():
    for name, body in re.findall(r"typedef struct (rv_\w+) \{(.*?)\} \1;", BARE, flags=re.DOTALL):
        fields = [re.findall(r"\w+", part)[-1] for line in _lines(body) for part in line]
        assert [field[0] for field in STRUCTS[name]._fields_] == fields, name


def _lines(body: str) -> list[list[str]]:
    """The declarators of every line of a struct; of a pointer to a function its name alone."""
    plain = re.sub(r"\(\*(\w+)\)\([^)]*\)", r" \1", body)
    return [line.split(",") for line in plain.split(";") if line.strip()]


def test_structs_have_the_layout_that_a_c_compiler_gives_them(tmp_path):
    lines = []
    for name, struct in STRUCTS.items():
        lines.append(f'printf("%zu\\n", sizeof({name}));')
        lines += [f'printf("%zu\\n", offsetof({name}, {f[0]}));' for f in struct._fields_]
    source = tmp_path / "layout.c"
    source.write_text(
        '#include <stddef.h>\n#include <stdio.h>\n#include "ruvector.h"\n'
        "int main(void) {" + "\n".join(lines) + "}\n"
    )
    program = tmp_path / "layout"
    subprocess.run(["cc", f"-I{ROOT / 'cabi'}", str(source), "-o", str(program)], check=True)
    told = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    ours = []
    for struct in STRUCTS.values():
        ours.append(ctypes.sizeof(struct))
        ours += [getattr(struct, f[0]).offset for f in struct._fields_]
    assert [int(n) for n in told.split()] == ours


def test_error_kinds_have_one_number_in_c_and_python():
    names = re.findall(r"RV_([A-Z0-9_]+)\s*=\s*(\d+)", BARE)
    kinds = {int(n): name.replace("_", "").lower() for name, n in names}
    assert sorted(kinds) == list(range(32))
    for kind, cls in _errors.CLASSES.items():
        if kind:
            assert cls.__name__.lower().removesuffix("error") == kinds[kind].removesuffix("error")
    assert set(kinds) - set(_errors.CLASSES) == {_errors.CANCELLED}


def test_every_error_is_pickled_whole():
    import pickle

    for kind in set(range(1, 31)) - {_errors.CANCELLED}:
        error = _errors.error_of(kind, "what", 3, 4)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert (str(again), again.row, again.column) == ("what", 3, 4)
        assert isinstance(again, RuVectorError)


def test_cancellation_is_never_a_class_of_ours():
    assert type(_errors.error_of(_errors.CANCELLED, "x")) is KeyboardInterrupt


def test_importing_loads_nothing():
    assert (
        output("""
        import ruvector
        from ruvector._native import library as _library
        print(_library.is_loaded(), any("libruvector" in l for l in open("/proc/self/maps")))
    """)
        == "False False"
    )


def test_sixteen_threads_load_one_library():
    assert (
        output("""
        import threading
        from ruvector._native import library as _library
        seen, opened, real = set(), [], _library._open
        _library._open = lambda path: (opened.append(path), real(path))[1]
        start = threading.Barrier(16)
        def verb():
            start.wait()
            seen.add(id(_library.library()))
        threads = [threading.Thread(target=verb) for _ in range(16)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        print(len(seen), len(opened))
    """)
        == "1 1"
    )


def test_environment_set_inside_python_reaches_the_library():
    assert (
        output("""
        import os
        os.environ["RUVECTOR_NUM_THREADS"] = "1"
        os.environ["RUVECTOR_SIMD"] = "pure"
        from ruvector import _native
        info = _native.library_info()
        print(info["threads"], info["tier"])
    """)
        == "1 pure"
    )


@pytest.mark.parametrize(
    ("name", "value"), [("RUVECTOR_NUM_THREADS", "many"), ("RUVECTOR_SIMD", "mmx")]
)
def test_environment_without_meaning_is_an_error(name, value):
    done = python("from ruvector import _native; _native.library_info()", **{name: value})
    assert "InvalidArgument" in done.stderr
    assert value in done.stderr


def test_settings_made_before_loading_win_over_the_environment():
    assert output("""
        from ruvector import _native
        from ruvector._native import library as _library
        _native.configure(threads=1)
        assert not _library.is_loaded()
        print(_native.library_info()["threads"])
    """, RUVECTOR_NUM_THREADS="2") == "1"  # fmt: skip


def test_settings_of_an_older_version_are_refused():
    for size in (0, ctypes.sizeof(_structs.Settings) - 1):
        with pytest.raises(InvalidArgument, match="older version"):
            _library.call("rv_configure", ctypes.byref(_structs.Settings(size=size)))


def test_settings_that_are_not_named_stay():
    threads = _native.library_info()["threads"]
    unchanged = _structs.Settings(
        size=ctypes.sizeof(_structs.Settings), threads=-1, gc_percent=-1, simd=None
    )
    _library.call("rv_configure", ctypes.byref(unchanged))
    assert _native.library_info()["threads"] == threads


@pytest.mark.parametrize("answer", ["", None, OSError(22, "no"), ValueError("unknown name")])
def test_another_c_library_than_glibc_is_named(monkeypatch, answer):
    def confstr(name):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(_library.os, "confstr", confstr)
    monkeypatch.setattr(_library, "_loaded", None)
    with pytest.raises(ImportError, match="musl"):
        _library.library()


def test_a_missing_library_names_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(_library, "_loaded", None)
    monkeypatch.setattr(_library, "PATH", str(tmp_path / "libruvector.so"))
    with pytest.raises(ImportError, match="make build"):
        _library.library()


@pytest.mark.parametrize(
    "major, minor", [(_library.ABI_MAJOR + 1, 0), (_library.ABI_MAJOR, _library.ABI_MINOR + 1)]
)
def test_a_library_of_another_interface_is_refused(monkeypatch, major, minor):
    monkeypatch.setattr(_library, "_loaded", None)
    monkeypatch.setattr(_library, "ABI_MAJOR", major)
    monkeypatch.setattr(_library, "ABI_MINOR", minor)
    with pytest.raises(ImportError, match="interface"):
        _library.library()


def test_a_library_without_a_function_is_refused(monkeypatch):
    monkeypatch.setattr(_library, "_loaded", None)
    table = {**_library.PROTOTYPES, "rv_not_there": (None, [])}
    monkeypatch.setattr(_library, "PROTOTYPES", table)
    with pytest.raises(ImportError, match="rv_not_there"):
        _library.library()
