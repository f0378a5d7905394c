"""Takes a picture of every page, light and dark, wide and narrow, for the documentation.

The server lives through an hour in about a minute (libfaketime stands between it and the machine's
clock), so that there is something on its charts.
"""

import base64
import contextlib
import pathlib
import sys
import time

import chromium
import pages
from person import Person
from posthaste import ROOT, Server
from scene import Scene
from watch import Watch

IMAGES = ROOT / "docs/images"
FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
# How far back it begins, and how fast its time goes by.
BACK_MIN, SPEED = 66, 60
HEIGHT_MAX = {chromium.WIDE: 1400, chromium.PHONE: 1800}
NAMES = {chromium.WIDE: "wide", chromium.PHONE: "phone"}
QUALITY = 72
UPSET = b'{"error":"upstream database is read-only"}'
# Waits until every chart is there, and two frames more.
DRAWN = """
    const frame = then => requestAnimationFrame(() => requestAnimationFrame(then));
    const looked = () => [...document.querySelectorAll("[data-chart]")].every(c => c.querySelector("canvas"))
        ? frame(arguments[0]) : frame(looked);
    looked();
"""


def hurried():
    """The environment of a server whose hours are minutes."""
    if not FAKETIME.exists():
        raise RuntimeError(f"no {FAKETIME}: please install libfaketime")
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"-{BACK_MIN}m x{SPEED}"}


def lived_through(server):
    """A scene after an hour of traffic, in which one endpoint had a bad while and another broke."""
    scene = Scene(server).set()
    scene.cast.answer("/crm", 200)
    turns = [(0.35, "/search", (200, 503, 502), 0.8), (0.5, "/search", (200, 503, 502), 0.15),
             (0.62, "/crm", (500,), 0.0)]
    begun, length_s = time.monotonic(), BACK_MIN * 60 / SPEED
    events = scene.events()
    while (gone := (time.monotonic() - begun) / length_s) < 1:
        if turns and gone > turns[0][0]:
            _, path, statuses, share = turns.pop(0)
            scene.cast.answer(path, *statuses, share=share, slow_s=0.01, body=UPSET)
        scene.api("POST", "/events", next(events))
        time.sleep(0.03 + 0.1 * scene.cast.dice.random() ** 2)  # the producers' rhythm
    scene.people()
    return scene


def shoot(driver, name, size, scheme):
    """One picture, as high as the page, within reason."""
    chromium.look(driver, size, scheme)
    height = driver.execute_script("return document.documentElement.scrollHeight")
    height = min(max(height, size[1]), HEIGHT_MAX[size])
    chromium.look(driver, size, scheme, height)
    driver.execute_async_script(DRAWN)
    clip = {"x": 0, "y": 0, "width": size[0], "height": height, "scale": 1}
    wanted = {"format": "webp", "quality": QUALITY, "clip": clip}
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", wanted)
    path = IMAGES / f"{name}-{scheme}-{NAMES[size]}.webp"
    path.write_bytes(base64.b64decode(taken["data"]))


def main(wanted):
    IMAGES.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as end:
        server = Server(**hurried())
        end.callback(server.close)
        scene = lived_through(server)
        end.callback(scene.close)
        server.stop()
        server.start()
        driver = chromium.chromium()
        person = Person(driver, server.url, Watch(driver, "screenshots", [server.url]))
        person.watch.reads_for_all = False
        take(driver, person, {"sign-in": "/dashboard/sign-in?out=1"}, wanted)
        person.sign_in()
        scene.publish(12)
        scene.settled()
        scene.replay(since="2020-01-01T00:00:00Z", until="2099-01-01T00:00:00Z",
                     only="all", types=["payment.authorized"])
        scene.replayed()
        scene.settled()
        scene.wrongly_signed()
        take(driver, person, pages.every(scene), wanted)
        take(driver, person, pages.of_a_portal(scene), wanted)


def take(driver, person, paths, wanted):
    for name, path in paths.items():
        if wanted and name not in wanted:
            continue
        for size in NAMES:
            chromium.look(driver, size)
            person.open(path)
            for scheme in ("light", "dark"):
                shoot(driver, name, size, scheme)
        print(name, flush=True)


if __name__ == "__main__":
    main(set(sys.argv[1:]))
