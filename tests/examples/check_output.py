#!/usr/bin/env python3
"""Runs an example in an empty folder and compares what it prints with its expected_output.txt.

Ids that differ from run to run are written <id> in the expected text.
"""
import difflib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

random_id = re.compile(r"\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,})\b")


def main() -> int:
    program, expected_file = (Path(argument).resolve() for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="castiel_sync_example_") as folder:
        run = subprocess.run([program], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    sys.stderr.write(run.stderr)
    printed = random_id.sub("<id>", run.stdout)
    sys.stdout.write(printed)
    if run.returncode != 0:
        print(f"{program.name} ended with exit code {run.returncode}")
        return 1
    expected = expected_file.read_text(encoding="utf-8")
    if printed == expected:
        return 0
    print(f"\nThis is not what {expected_file} says:")
    differences = difflib.unified_diff(expected.splitlines(), printed.splitlines(), "expected", "printed", lineterm="")
    print("\n".join(differences))
    return 1


sys.exit(main())
