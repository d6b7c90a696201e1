#!/usr/bin/env python3
"""asyncapi.yaml, docs/events.md and the code name the same events; each type that the sources hold is described."""
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(sys.argv[1])


def main():
    described = yaml.safe_load((ROOT / "asyncapi.yaml").read_text(encoding="utf-8"))
    messages = set(described["components"]["messages"])
    channel = described["channels"]["endpoint"]["messages"]
    assert set(channel) == messages, "the channel and the components differ"
    for name, message in described["components"]["messages"].items():
        data = message["payload"]["allOf"][1]["properties"]["data"]
        unknown = set(data["required"]) - set(data["properties"])
        assert not unknown, f"{name}: requires {unknown}, which it does not describe"
    sources = [path.read_text(encoding="utf-8") for folder in ("lib/engine", "lib/webhooks")
               for path in (ROOT / folder).glob("*.cpp")]
    made = set(re.findall(r'"(integration\.[a-z]+\.[a-z]+)"', "\n".join(sources)))
    assert made == messages, f"only in the code: {made - messages}; only in asyncapi.yaml: {messages - made}"
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(integration\.[a-z.]+)`", page, re.MULTILINE))
    missing = messages - told - {"integration.webhook.test"}
    assert not missing, f"docs/events.md does not tell of {missing}"
    print(f"{len(messages)} events, described alike everywhere")


if __name__ == "__main__":
    main()
