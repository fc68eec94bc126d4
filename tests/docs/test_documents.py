"""What documents say exists: files, tags, modules; and what must not stand in any file."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from controller.config import load_line
from controller.line import tag_table
from plc_sim.fault_file import read_schedule
from tests.support import documents
from tests.support.documents import ROOT

HAND_WRITTEN = [p for p in documents.documents() if "Made from the code" not in p.read_text()[:80]]
HOSTS = frozenset(  # names of standards, this machine, a container; nothing is fetched from them
    ("www.w3.org", "www.apache.org", "www.opcfoundation.org", "opcfoundation.org",
     "127.0.0.1", "localhost", "influxdb")
)  # fmt: skip
NPM_LOCK = "tests/wire/node/package-lock.json"  # names where to thank the authors, nothing else
URL = re.compile(r"https?://([\w.-]+)")
MACHINE_PATH = re.compile(r"(?<![\w./-])/(home|root|Users|work|mnt|workspace)/\w")
OUR_PATH = re.compile(r"(controller|plc_sim|tests|docs|hmi|recipes|\.ci)/[\w./*-]*$")
TAG = re.compile(r"(ENC|DHU|GREY|AMB|COAT|CAL|BUF|LINE)(\.[A-Z0-9]+)+$")
EXAMPLE_PATHS = ("slitter", "sparkplug", "KIND", "PROTOCOL")  # files that a how-to tells to write

each_document = pytest.mark.parametrize("path", HAND_WRITTEN, ids=documents.name)


@pytest.mark.parametrize("path", documents.documents(), ids=documents.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in documents.links(path):
        if target.startswith(("#", "http")):
            continue
        assert not target.startswith("/"), target
        assert (path.parent / target.partition("#")[0]).exists(), target


def test_every_document_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        targets = [t.partition("#")[0] for t in documents.links(path)]
        waiting += [(path.parent / t).resolve() for t in targets if t and "://" not in t]
    unreached = set(documents.documents()) - seen
    assert not {documents.name(p) for p in unreached if documents.name(p).startswith("docs/")}


@each_document
def test_paths_in_documents_exist(path: Path) -> None:
    for word in documents.code_words(path):
        if not OUR_PATH.match(word) or any(e in word for e in EXAMPLE_PATHS):
            continue
        found = list(ROOT.glob(word)) if "*" in word else [ROOT / word]
        assert found, word
        assert all(f.exists() for f in found), word


@each_document
def test_tags_in_documents_exist(path: Path) -> None:
    known = tag_table(load_line(ROOT / "controller" / "lines" / "pilot"))
    for word in documents.code_words(path):
        if TAG.match(word):
            assert word in known, word


@each_document
def test_python_in_documents_imports_what_exists(path: Path) -> None:
    for fence in documents.fences(path):
        if fence.language != "python":
            continue
        for node in ast.walk(ast.parse(fence.text)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module or "")
                assert all(hasattr(module, a.name) for a in node.names), fence.text


def test_fault_schedule_in_documents_is_valid(tmp_path: Path) -> None:
    header = "station,name,start_s,for_s,level"
    blocks = [f for p in HAND_WRITTEN for f in documents.fences(p) if f.text.startswith(header)]
    assert blocks
    for k, fence in enumerate(blocks):
        file = tmp_path / f"{k}.csv"
        file.write_text(fence.text)
        assert read_schedule(file)


@pytest.mark.parametrize("path", documents.documents(), ids=documents.name)
def test_json_of_a_document_is_json(path: Path) -> None:
    for fence in documents.fences(path):
        if fence.language == "json":
            assert json.loads(fence.text) is not None


@pytest.mark.parametrize("path", documents.documents(), ids=documents.name)
def test_fences_name_their_language(path: Path) -> None:
    allowed = {"console", "text", "python", "mermaid", "toml", "json", "js"}
    assert {f.language for f in documents.fences(path)} <= allowed


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert [n for n, text in _texts() if MACHINE_PATH.search(text)] == []


def test_addresses_of_the_network_are_names_of_standards_only() -> None:
    strange = {(n, host) for n, text in _texts() if n != NPM_LOCK for host in URL.findall(text)}
    assert {(n, h) for n, h in strange if h.lower() not in HOSTS} == set()


def test_lock_files_have_hashes_and_no_addresses() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert not re.search(r"^--(extra-)?index|^--find|^-f ", text, re.MULTILINE)
    assert '"resolved"' not in (ROOT / NPM_LOCK).read_text()


def _texts() -> list[tuple[str, str]]:
    return [(documents.name(p), p.read_text(errors="replace")) for p in documents.text_files()]
