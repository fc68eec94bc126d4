"""The bill of materials: `python -m tests.support.sbom [--output sbom.json]`, CycloneDX 1.6.

What Dryline brings with it, without extras, on this system: every package of Python and of the
JavaScript in the screens, with version, licence, package URL, hashes and what it needs in turn. A
package that could not be looked at makes the whole bill fail: a gap would be taken for its absence.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.support.packages import ROOT, Locked, closure, declared, environment, licence, read_lock

SPEC = "1.6"
VENDOR = ROOT / "hmi" / "static" / "vendor" / "VENDOR.toml"


class Unaudited(Exception):
    """Something that the bill would have to hold could not be looked at."""


def bill(
    lock: str, values: Mapping[str, str], wanted: Sequence[str] | None = None
) -> dict[str, Any]:
    """The document. The serial number follows from the content: equal bills are equal texts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    graph = closure(declared() if wanted is None else wanted, values)
    pins = {p.name: p for p in read_lock(lock) if p.applies(values)}
    if missing := sorted(graph.keys() - pins.keys()):
        raise Unaudited(f"not in the lock: {', '.join(missing)}")
    vendored = [_vendored(package) for package in tomllib.loads(VENDOR.read_text())["package"]]
    components = [*(_component(pins[name]) for name in sorted(graph)), *vendored]
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    direct = sorted(name for name in graph if not any(name in n for n in graph.values()))
    needed = [*(_ref(pins[name]) for name in direct), *(c["bom-ref"] for c in vendored)]
    rows: list[dict[str, Any]] = [{"ref": own, "dependsOn": needed}]
    rows += [{"ref": c["bom-ref"], "dependsOn": []} for c in vendored]
    rows += [
        {"ref": _ref(pins[name]), "dependsOn": [_ref(pins[n]) for n in sorted(needs) if n in pins]}
        for name, needs in sorted(graph.items())
    ]
    number = uuid5(NAMESPACE_URL, json.dumps([components, rows], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "purl": own,
                "licenses": [{"license": {"id": project["license"]["text"]}}],
            },
            "tools": {
                "components": [{"type": "application", "name": "dryline tests.support.sbom"}]
            },
        },
        "components": components,
        "dependencies": rows,
    }


def _ref(pin: Locked) -> str:
    return f"pkg:pypi/{pin.name}@{pin.version}"


def _component(pin: Locked) -> dict[str, Any]:
    found = distribution(pin.name)
    if found.version != pin.version:
        raise Unaudited(f"{pin.name}: {found.version} is installed, the lock has {pin.version}")
    stated = licence(found)
    if not stated:
        raise Unaudited(f"{pin.name}: states no licence")
    expression = found.metadata.get("License-Expression")
    return {
        "type": "library",
        "bom-ref": _ref(pin),
        "name": pin.name,
        "version": pin.version,
        "purl": _ref(pin),
        "licenses": [{"expression": expression} if expression else {"license": {"name": stated}}],
        "externalReferences": [
            {
                "type": "distribution",
                "url": _ref(pin),
                "hashes": [{"alg": "SHA-256", "content": h} for h in sorted(pin.hashes)],
            }
        ],
    }


def _vendored(package: Mapping[str, Any]) -> dict[str, Any]:
    """JavaScript of others that is a part of the screens."""
    name = package["name"].replace("@", "%40")
    ref = f"pkg:npm/{name}@{package['version']}"
    hashes = [{"alg": "SHA-256", "content": package["sha256"]}]
    return {
        "type": "library",
        "bom-ref": ref,
        "name": package["name"],
        "version": package["version"],
        "purl": ref,
        "licenses": [{"license": {"id": package["licence"]}}],
        "externalReferences": [{"type": "distribution", "url": ref, "hashes": hashes}],
    }


def main(words: Sequence[str] | None = None) -> int:
    """Write the bill; 1 when a package could not be looked at."""
    parser = argparse.ArgumentParser(description="Write the bill of materials (CycloneDX).")
    parser.add_argument("--output", type=Path, default=Path("sbom.json"))
    output = parser.parse_args(words).output
    try:
        made = bill((ROOT / "requirements.lock").read_text(), environment())
    except (Unaudited, LookupError, ValueError) as error:
        print(f"no bill of materials: {error}", file=sys.stderr)
        return 1
    output.write_text(json.dumps(made, indent=2) + "\n")
    print(f"{output}: {len(made['components'])} packages, all of them looked at")
    return 0


if __name__ == "__main__":
    sys.exit(main())
