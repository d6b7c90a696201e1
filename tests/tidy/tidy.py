#!/usr/bin/env python3
"""Checks the rules of style that a compiler does not know.

    tidy.py [ROOT]       checks the tree, prints one line per fault, exits with 1 if there is any
    tidy.py --self-test  checks that every rule finds its bad sample and leaves the good one alone
"""
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ["include", "lib", "service", "tests", "examples", "bench", "scripts", "cmake", "docs", ".ci"]
CODE = {".cpp", ".hpp"}
LINES = CODE | {".py", ".sh", ".cmake"}
MAX_COLUMNS = 120
MAX_LINES = 600
IMPLEMENTATIONS = ["adapters", "stores", "events", "files", "net", "secrets", "castiel"]
LIBRARY_FOLDERS = ["async", "core", "engine", "testing", "webhooks", *IMPLEMENTATIONS]

# (rule, path): reason. An exception that no longer excuses anything is a fault itself.
EXCEPTIONS = {
    ("machine", "lib/engine/system_runtime.cpp"): "the one place that reads the machine's clocks and randomness",
}


@dataclass(frozen=True)
class Fault:
    rule: str
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text} ({self.rule})"


class Source:
    def __init__(self, root: Path, file: Path) -> None:
        self.path = file.relative_to(root).as_posix()
        self.suffix = file.suffix
        self.text = file.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.code = without_comments_and_texts(self.text) if file.suffix in CODE else ""

    def line_at(self, offset: int) -> int:
        return self.code.count("\n", 0, offset) + 1

    def includes(self):
        for number, line in enumerate(self.lines, 1):
            if match := re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line):
                yield number, match.group(1)

    def within(self, *folders: str) -> bool:
        return self.path.startswith(tuple(folder + "/" for folder in folders))


TOKEN = re.compile(
    r'(?P<raw>R"(?P<mark>[^()\\\s]{0,16})\((?:.|\n)*?\)(?P=mark)")|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    r"|//[^\n]*|/\*(?:.|\n)*?\*/|(?<=\d)'(?=\w)")


def without_comments_and_texts(text: str) -> str:
    """The same text with the inside of comments and literals blanked, line for line."""
    return TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


def lines_of_raw_texts(text: str) -> set[int]:
    numbers: set[int] = set()
    for match in TOKEN.finditer(text):
        if match.group("raw"):
            first = text.count("\n", 0, match.start()) + 1
            numbers.update(range(first, first + match.group(0).count("\n") + 1))
    return numbers


def statement_around(code: str, offset: int) -> tuple[int, str]:
    """The full expression that holds `offset`: from the last ; { or } before it to its own ; or opening block."""
    start = max(code.rfind(mark, 0, offset) for mark in ";{}") + 1
    depth = 0
    end = offset
    while end < len(code):
        if code[end] in "([{":
            depth += 1
        elif code[end] in ")]}":
            depth -= 1
        if depth < 0 or (code[end] == ";" and depth == 0):
            break
        end += 1
    return start, code[start:end]


def machine(source: Source):
    """Time, randomness and the environment reach core and engine through Runtime only (determinism)."""
    if not source.within("lib/core", "lib/engine", "lib/webhooks", "include"):
        return
    banned = (r"\b(system_clock|steady_clock|high_resolution_clock|random_device|getentropy|getenv"
              r"|std::j?thread|this_thread)\b")
    for match in re.finditer(banned, source.code):
        yield source.line_at(match.start()), f"{match.group(1)}: take it from Runtime"


def suspension(source: Source):
    """Spellings around co_await that g++ 12 compiles wrongly (see async.hpp)."""
    spellings = {
        r"(?<![\w\])\[])\[(?!\[)[^\[\]]+\]\s*(?:\(|\{|mutable|noexcept|->)":
            "a capturing lambda in a statement with co_await: name it first",
        r"\(\s*\{\s*\.|,\s*\{\s*\.|\b[A-Z]\w*\s*\{\s*\.":
            "an aggregate temporary in a statement with co_await: name it first",
        r"\?[^;]*\bco_await\b[^;]*:[^;]*\bco_await\b": "a conditional with two co_awaits: write an if",
    }
    seen = set()
    for match in re.finditer(r"\bco_await\b", source.code):
        start, statement = statement_around(source.code, match.start())
        for spelling, text in spellings.items():
            if (found := re.search(spelling, statement)) and (start, text) not in seen:
                seen.add((start, text))
                yield source.line_at(start + found.start()), text


def public_includes(source: Source):
    """Public headers show Boost's Asio, JSON and System and the standard library; Beast and fmt stay in .cpp files."""
    if not source.within("include"):
        return
    for number, name in source.includes():
        if not re.fullmatch(r"castiel_sync/.+|boost/(asio|json|system)(/.+|\.hpp)|[a-z_]+", name):
            yield number, f"<{name}> in a public header"


def direction(source: Source):
    """Includes point one way: service → engine → core, implementations → interfaces, core → values."""
    banned: list[str] = []
    public: list[str] = []
    if source.within("lib/core"):
        banned = ["async", "engine", "testing", "webhooks", *IMPLEMENTATIONS]
        public = ["adapters", "stores", "events", "testing"]
    elif source.within(*(f"lib/{folder}" for folder in IMPLEMENTATIONS)):
        banned, public = ["engine", "testing", "webhooks"], ["testing"]
    elif source.within("lib/engine"):
        banned, public = ["testing", "webhooks"], ["testing"]
    elif source.within("lib/webhooks"):  # beside the engine, and made of the same parts
        banned, public = ["testing", *IMPLEMENTATIONS], ["adapters", "stores", "events", "testing"]
    elif source.within("service", "examples"):
        banned = LIBRARY_FOLDERS
    for number, name in source.includes():
        folder = name.split("/")[0]
        if folder in banned and "/" in name:
            yield number, f"<{name}>: {source.path.rsplit('/', 1)[0]} may not know lib/{folder}"
        elif any(name.startswith(f"castiel_sync/{hidden}/") for hidden in public):
            yield number, f"<{name}>: {source.path.rsplit('/', 1)[0]} may not know implementations"


def columns(source: Source):
    """Raw texts are data: a line break would change them."""
    if source.suffix in LINES or source.within("scripts", ".ci") or source.path.endswith("CMakeLists.txt"):
        raw = lines_of_raw_texts(source.text) if source.suffix in CODE else set()
        for number, line in enumerate(source.lines, 1):
            if len(line) > MAX_COLUMNS and number not in raw:
                yield number, f"{len(line)} columns, more than {MAX_COLUMNS}"


def length(source: Source):
    if source.suffix in CODE and len(source.lines) > MAX_LINES:
        yield len(source.lines), f"{len(source.lines)} lines, more than {MAX_LINES}: split it by subject"


def leftovers(source: Source):
    for number, line in enumerate(source.lines, 1):
        if re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", line):
            yield number, "a note to do something later: do it, or file it"


RULES = [machine, suspension, public_includes, direction, columns, length, leftovers]


def sources(root: Path):
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            known = file.suffix in LINES | {".in", ".md", ".txt", ".json", ".yaml"} or folder in ("scripts", ".ci")
            # Lists of packages have one line each, however long.
            if file.is_file() and known and file != root / "scripts/packages" and "__pycache__" not in file.parts:
                yield Source(root, file)


def check(root: Path, exceptions: dict[tuple[str, str], str]) -> list[Fault]:
    faults = []
    used = set()
    for source in sources(root):
        for rule in RULES:
            for line, text in rule(source):
                if (rule.__name__, source.path) in exceptions:
                    used.add((rule.__name__, source.path))
                else:
                    faults.append(Fault(rule.__name__, source.path, line, text))
    for rule_name, path in exceptions.keys() - used:
        faults.append(Fault(rule_name, path, 1, "an exception in tidy.py that is no longer needed"))
    return faults


BAD = [
    ("machine", "lib/core/clock.cpp", "auto now = std::chrono::system_clock::now();\n"),
    ("machine", "include/castiel_sync/thread.hpp", "void f() { std::thread([] {}).detach(); }\n"),
    ("machine", "lib/engine/sleep.cpp", "void f() { std::this_thread::sleep_for(second); }\n"),
    ("machine", "lib/engine/environment.cpp", 'auto home = std::getenv("HOME");\n'),
    ("suspension", "service/lambda.cpp", "auto x = co_await f([value](int i) { return i + value; });\n"),
    ("suspension", "service/lines.cpp", "auto x = co_await f(\n    [=] { return 1; });\n"),
    ("suspension", "lib/adapters/aggregate.cpp", 'co_await pull({.entity = "contacts"});\n'),
    ("suspension", "lib/engine/both.cpp", "auto x = yes ? co_await a() : co_await b();\n"),
    ("public_includes", "include/castiel_sync/web.hpp", "#include <boost/beast/http.hpp>\n"),
    ("public_includes", "include/castiel_sync/text.hpp", "#include <fmt/format.h>\n"),
    ("direction", "lib/core/up.cpp", "#include <engine/run.hpp>\n"),
    ("direction", "lib/core/side.cpp", "#include <castiel_sync/stores/memory.hpp>\n"),
    ("direction", "lib/stores/up.cpp", '#include "engine/session.hpp"\n'),
    ("direction", "lib/engine/aside.cpp", "#include <webhooks/lane.hpp>\n"),
    ("direction", "lib/webhooks/down.cpp", "#include <net/http_pool.hpp>\n"),
    ("direction", "service/inside.cpp", "#include <core/mapping.hpp>\n"),
    ("columns", "lib/core/wide.cpp", "// " + "x" * 118 + "\n"),
    ("length", "lib/core/long.cpp", "\n" * 601),
    ("leftovers", "docs/later.md", "TO" "DO: write this\n"),
]

GOOD = [
    ("lib/core/clock.cpp", "// system_clock is not read here\nconst char* text = \"std::thread\";\n"),
    ("lib/engine/sleep.cpp", "co_await runtime.clock->sleep_for(delay);\nauto clock = make_system_clock(executor);\n"),
    ("lib/engine/named.cpp", "const auto name = [value] { return value; };\nauto x = co_await f(name);\n"),
    ("lib/engine/subscript.cpp", "auto x = co_await adapters[index]->pull(requests[i + 1]);\n"),
    ("lib/engine/once.cpp", "Result r = yes ? co_await a() : Result();\n[[nodiscard]] Async<int> f();\n"),
    ("lib/engine/known.cpp", "#include <core/mapping.hpp>\n#include <castiel_sync/store.hpp>\n"),
    ("include/castiel_sync/good.hpp", "#include <boost/asio/awaitable.hpp>\n#include <string>\n"),
    ("service/good.cpp", "#include <castiel_sync/engine.hpp>\n#include <CLI/CLI.hpp>\n"),
    ("lib/core/wide.cpp", "// " + "é" * 117 + "\n"),
    ("tests/data.cpp", 'auto document = R"json({\n"name": "' + "x" * 120 + '"})json";\n'),
    ("lib/core/number.cpp", "const int million = 1'000'000; // it's one\n"),
]


def self_test() -> int:
    mistakes = []

    def faults_of(path: str, text: str, exceptions: dict[tuple[str, str], str]) -> set[str]:
        with tempfile.TemporaryDirectory(prefix="castiel_sync_tidy_") as folder:
            file = Path(folder, path)
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
            return {fault.rule for fault in check(Path(folder), exceptions)}

    for rule, path, text in BAD:
        if (found := faults_of(path, text, {})) != {rule}:
            mistakes.append(f"{path}: expected the fault {rule}, found {sorted(found) or 'none'}")
        if found := faults_of(path, text, {(rule, path): "stated"}):
            mistakes.append(f"{path}: a stated exception still shows {sorted(found)}")
    for path, text in GOOD:
        if found := faults_of(path, text, {}):
            mistakes.append(f"{path}: good, and still found {sorted(found)}")
        if not faults_of(path, text, {("columns", path): "not needed"}):
            mistakes.append(f"{path}: an exception without use was not found")
    if missing := {rule.__name__ for rule in RULES} - {rule for rule, _, _ in BAD}:
        mistakes.append(f"rules without a bad sample: {sorted(missing)}")
    for mistake in mistakes:
        print(mistake)
    print(f"{len(BAD)} bad and {len(GOOD)} good samples, {len(mistakes)} mistakes")
    return 1 if mistakes else 0


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    faults = check(root, EXCEPTIONS)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults" if faults else "tidy")
    return 1 if faults else 0


sys.exit(main())
