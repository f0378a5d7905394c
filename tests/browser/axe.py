"""What keeps people out of a page: axe-core's serious and critical findings."""

import functools
import hashlib
import pathlib

SCRIPT = pathlib.Path(__file__).parent / "vendor/axe-4.14.1.min.js"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
GRAVE = ("serious", "critical")
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"], iframes: false})
   .then(({violations}) => done(violations), error => done([{impact: "critical", id: String(error), nodes: []}]));
"""


@functools.cache
def source():
    script = SCRIPT.read_bytes()
    assert hashlib.sha256(script).hexdigest() == SHA256, f"{SCRIPT} is not the file that came"
    return script.decode()


def findings(driver):
    """A line for each element that axe finds in grave trouble."""
    violations = driver.execute_async_script(RUN)
    return [
        line
        for violation in violations
        if violation["impact"] in GRAVE
        for line in told(violation)
    ]


def told(violation):
    rule = f"{violation['impact']}: {violation['id']}: {violation.get('help', '')}"
    nodes = violation["nodes"] or [{"html": "", "failureSummary": ""}]
    return [f"{rule}\n      {node['html'][:200]}\n      {why(node)}" for node in nodes]


def why(node):
    return " ".join((node.get("failureSummary") or "").split())[:300]
