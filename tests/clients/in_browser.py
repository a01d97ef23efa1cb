"""Opens a page in Chromium and prints what becomes of it as JSON; runs in the environment that has Playwright.

Takes the program, the address, the path of a screenshot, the width of the window in px, and light or dark.
"""

import json
import sys

from playwright.sync_api import sync_playwright

OVERFLOWING = """
[...document.querySelectorAll('body *')]
  .filter(node => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest('.scroll, .skip'))
  .map(node => node.tagName + '.' + node.className)
"""
REACHABLE = (
    "[...document.querySelectorAll('a[href], summary, [tabindex=\\'0\\']')].filter(node => node.checkVisibility())"
)
MARKED = f"{REACHABLE}.forEach((node, number) => node.dataset.number = number)"
FOCUSED = "document.activeElement.dataset.number ?? null"
OUTLINED = "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
RAN = "window.ran === true || document.querySelectorAll('script, iframe, object').length > 0"
OPENED = "document.querySelectorAll('details[open]').length"


def walk(page):
    """The numbers of what is reached by Tab, in order, and whether each shows that it has the focus."""
    page.evaluate(MARKED)
    count = page.evaluate(f"{REACHABLE}.length")
    reached, visible = [], True
    for _ in range(count):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        visible = visible and page.evaluate(OUTLINED)
    return dict(
        reachable=count, reached=[None if number is None else int(number) for number in reached], outlined=visible
    )


def opened_by_keyboard(page):
    """How many parts of the page open at Enter, of how many."""
    summaries = page.query_selector_all("summary")
    for summary in summaries:
        summary.focus()
        page.keyboard.press("Enter")
    return [page.evaluate(OPENED), len(summaries)]


def main(program, address, picture, width, scheme):
    messages, requests = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        window = browser.new_context(viewport=dict(width=int(width), height=900), color_scheme=scheme)
        page = window.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("dialog", lambda dialog: (messages.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url[:200]))
        page.goto(address)
        page.screenshot(path=picture, full_page=True)
        facts = dict(
            width=page.evaluate("innerWidth"),
            content_width=page.evaluate("document.documentElement.scrollWidth"),
            overflowing=page.evaluate(OVERFLOWING),
            background=page.evaluate("getComputedStyle(document.body).backgroundColor"),
            title=page.title(),
            text=page.inner_text("body"),
            ran=page.evaluate(RAN),
            **walk(page),
            opened=opened_by_keyboard(page),
            broken=page.evaluate("[...document.images].filter(image => !image.naturalWidth).map(image => image.alt)"),
        )
        browser.close()
    foreign = [url for url in requests if not url.startswith(("data:", "file:"))]
    print(json.dumps(facts | dict(messages=messages, foreign=foreign)))


if __name__ == "__main__":
    main(*sys.argv[1:])
