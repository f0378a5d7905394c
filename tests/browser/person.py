"""What a person does with a page: reads, fills in what is labelled, presses what is named, types.

Nothing is found by an id or a class: what has no name that a person can read is not there.
"""

from posthaste import KEY
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import Select, WebDriverWait

PATIENCE_S = 15
NAMED = """
    .//button[normalize-space()={0} or @aria-label={0}][not(@aria-hidden)]
    | .//a[normalize-space()={0} or @aria-label={0}]
    | .//summary[normalize-space()={0}]
    | .//input[(@type='submit' or @type='button') and @value={0}]
"""
LABELLED = """
    .//*[(self::input or self::select or self::textarea)
        and (@aria-label={0} or @id=//label[normalize-space()={0}]/@for
             or ancestor::label[starts-with(normalize-space(), {0})])]
"""
ROW = ".//tr[contains(., {0})]"


def quoted(text):
    """A string in XPath, which has no escapes."""
    pieces = ', "\'", '.join(f"'{piece}'" for piece in text.split("'"))
    return f"concat({pieces}, '')"


class Person:
    def __init__(self, driver, base, watch):
        self.driver = driver
        self.base = base
        self.watch = watch

    def open(self, path):
        """Types an address."""
        self.driver.get(path if "://" in path else self.base + path)
        self.watch.look()

    def sign_in(self, key=KEY):
        self.open("/dashboard/sign-in?out=1")  # else a server for development lets anyone in
        self.sign_in_here(key)

    def sign_in_here(self, key=KEY):
        """At the form that stands there."""
        self.fill("API key", key)
        self.press("Sign in")
        self.wait(lambda: "sign-in" not in self.path(), "to be let in")

    def press(self, name, within="body"):
        """Presses what bears that name, and takes in what comes of it."""
        self.found(NAMED, name, within).click()
        self.watch.look()

    def fill(self, label, text, within="body"):
        field = self.found(LABELLED, label, within)
        field.clear()
        field.send_keys(text)

    def choose(self, label, option, within="body"):
        Select(self.found(LABELLED, label, within)).select_by_visible_text(option)

    def tick(self, label, within="body"):
        self.found(LABELLED, label, within).click()

    def type(self, *keys):
        """Types keys to whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def see(self, *texts):
        """Waits until the page shows all of these."""
        for text in texts:
            self.wait(lambda text=text: text in self.text(), f"to see {text!r}")
        self.watch.look()

    def see_no(self, text):
        self.wait(lambda: text not in self.text(), f"to see no more of {text!r}")

    def text(self):
        """What can be read on the page."""
        return self.driver.execute_script("return document.body.innerText")

    def reload_until(self, text):
        """Looks again and again, as one does who waits."""
        def shown():
            if text in self.text():
                return True
            self.driver.refresh()
            return text in self.text()

        self.wait(shown, f"to see {text!r} after a while")
        self.watch.look()

    def press_row(self, text):
        """Opens the first row that says this."""
        row = self.found(ROW, text)
        row.find_element("css selector", "a.mono").click()
        self.watch.look()

    def buttons(self):
        """What can be pressed."""
        script = "return [...document.querySelectorAll('main button')].map(b => b.innerText)"
        return self.driver.execute_script(script)

    def description(self, label):
        """What a screen reader adds to a field."""
        ids = (self.found(LABELLED, label).get_attribute("aria-describedby") or "").split()
        return " ".join(self.driver.find_element("id", one).text for one in ids)

    def said_by(self, name):
        """What is in the region of that name, without its heading."""
        script = """
            const heading = [...document.querySelectorAll("h2, h3")].find(h => h.innerText === arguments[0]);
            return heading.closest("section").querySelector("code, pre, .code").innerText
        """
        return self.driver.execute_script(script, name)

    def focus(self):
        """The kind of element that has the focus."""
        return self.driver.switch_to.active_element.tag_name.upper()

    def value(self, label):
        return self.found(LABELLED, label).get_property("value")

    def path(self):
        """Where the person is, without the host."""
        return self.driver.current_url.removeprefix(self.base)

    def arrive(self, part):
        """Waits until the address has this in it."""
        self.wait(lambda: part in self.path(), f"to arrive at {part}")
        self.watch.look()

    def overflow(self):
        """By how many pixels the page is wider than its window."""
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return self.driver.execute_script(wide)

    def found(self, kind, name, within="body"):
        """The one visible thing of that kind and name, waited for."""
        xpath = kind.format(quoted(name))

        def shown():
            for scope in self.driver.find_elements("css selector", within):
                for element in scope.find_elements("xpath", xpath):
                    if element.is_displayed():
                        return element
            return None

        return self.wait(shown, f"for {name!r} in {within}")

    def wait(self, until, what):
        def met(_):
            try:
                return until()
            except StaleElementReferenceException:
                return None

        try:
            return WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.05).until(met)
        except WebDriverException as error:
            where, picture = self.driver.current_url, self.watch.picture()
            raise AssertionError(f"waited in vain {what}\n   on {where}\n   see {picture}") from error
