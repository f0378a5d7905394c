"""One Chromium for the whole run: headless, with a profile of its own, and nothing but loopback.

Nothing is downloaded: browser and driver are the system's. What happens in a page is read from the
browser's own logs, so that no page can keep it to itself.
"""

import atexit
import functools
import json
import os
import shutil
import tempfile

import axe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

WIDE = (1440, 900)
PHONE = (390, 844)
FLAGS = [
    "--headless=new",
    # No name is looked up, so that a request to another host fails even if nobody looked.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=en-GB",
]
# A violation is in the console's log, too, but not with what it was about.
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", e => console.error(
    "content security policy:", e.effectiveDirective, e.blockedURI, e.sourceFile + ":" + e.lineNumber))
"""


@functools.cache
def chromium():
    """The run's browser, started when it is first asked for, and ended with the run."""
    profile = tempfile.TemporaryDirectory(prefix="posthaste-chromium-")
    driver = webdriver.Chrome(options(profile.name), Service(installed("chromedriver")))
    driver.set_page_load_timeout(30)
    # axe comes with every page: to hand it over when it is needed takes ten times as long.
    for source in (TELL_VIOLATIONS, axe.source()):
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    atexit.register(profile.cleanup)
    atexit.register(driver.quit)
    return driver


def options(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = installed("chromium")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    for flag in [*FLAGS, *root, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


def installed(program):
    path = shutil.which(program)
    if not path:
        raise RuntimeError(f"the browser tests need {program}: please install Debian's")
    return path


def look(driver, size=WIDE, scheme="light", height=None):
    """The window's size, and whether its system is light or dark."""
    width, usual = size
    height = height or usual
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        # No colour is looked at on its way to another.
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def scripts(driver, run):
    """Whether pages may run scripts from now on."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})


def console(driver):
    """What the console was told since it was last asked."""
    return driver.get_log("browser")


def requests(driver):
    """The URLs that were asked for since this was last asked."""
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def forget(driver):
    """Leaves the page, with all that it had: cookies, storage, logs."""
    scripts(driver, True)
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.get("about:blank")
    look(driver)
    console(driver)
    requests(driver)
