"""Hands and eyes at the console's policy pages, over what tests/browser/console.py has."""
from selenium.common.exceptions import (
    ElementClickInterceptedException, NoSuchElementException, StaleElementReferenceException, TimeoutException)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

import console

# What happens while a dialog opens or closes, or a table is drawn anew.
MOVING = (ElementClickInterceptedException, NoSuchElementException, StaleElementReferenceException)


class Desk:
    def __init__(self, site, browser):
        self.site, self.browser = site, browser

    def login(self, who):
        console.log_in(self.browser, who, self.site)
        return self

    def until(self, what, seconds=20):
        try:
            return WebDriverWait(self.browser, seconds, ignored_exceptions=MOVING).until(lambda _: what())
        except TimeoutException:
            raise AssertionError(f"not in time on {self.browser.current_url}:\n{self.text()}") from None

    def open(self, page, heading):
        self.browser.get(f"{self.site.portal}/console/{page}")
        self.heading(heading)
        return self

    def heading(self, text):
        self.until(lambda: any(h.text == text for h in self.browser.find_elements(By.TAG_NAME, "h1")))

    def field(self, name):
        return self.until(lambda: next((e for e in self.browser.find_elements(By.NAME, name) if e.is_displayed()), None))

    def fill(self, **fields):
        for name, text in fields.items():
            at = self.field(name)
            if at.tag_name == "select":
                Select(at).select_by_value(text)
            else:
                at.send_keys(Keys.CONTROL, "a")
                at.send_keys(Keys.DELETE)
                # Long texts are put in at once, as by pasting.
                self.browser.execute_cdp_cmd("Input.insertText", {"text": text}) if len(text) > 200 else at.send_keys(text)
        return self

    def button(self, text):
        """By what it says or what it is called; of the dialog when one is open."""
        path = f'.//button[normalize-space()="{text}" or @aria-label="{text}"]'

        def find():
            within = self.browser.find_elements(By.CSS_SELECTOR, "[role=dialog]") or [self.browser]
            return next((e for e in within[-1].find_elements(By.XPATH, path) if e.is_displayed() and e.is_enabled()), None)
        return self.until(find)

    def press(self, text):
        self.until(lambda: self.button(text).click() is None)
        return self

    def text(self):
        return console.text(self.browser)

    def sees(self, *texts):
        for text in texts:
            self.until(lambda: text in self.text())
        return self

    def shot(self, name):
        console.shot(self.browser, name)
        return self

    def accessible(self):
        console.accessible(self.browser)
        return self

    def apply(self):
        """In the dialog that shows a change: for good, at once."""
        return self.fill(confirm="").press("Apply")
