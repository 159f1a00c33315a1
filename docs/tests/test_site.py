# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""The built documentation in a browser: make docs, then make docs-test."""

import functools
import http.server
import shutil
import threading
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

SITE = Path(__file__).parents[1] / "_build" / "html"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if not path.relative_to(SITE).as_posix().startswith(("_static", "_modules"))
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Chromium and its driver on the PATH"
)
# A narrow telephone.
NARROW = 420


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files without a log."""

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    """Serve the site on a free port of this machine."""
    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Open a headless browser."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


def wait_for(browser, script, message):
    """Wait until a script returns something true."""
    from selenium.webdriver.support.ui import WebDriverWait

    found = WebDriverWait(browser, 20).until(
        lambda driver: driver.execute_script(script), message
    )
    return found


def test_the_site_has_been_built():
    assert "index.html" in PAGES, "run make docs first"
    assert len(PAGES) > 50


@pytest.mark.parametrize("page", PAGES)
def test_page(page, address, browser):
    """No error in the console, all pictures and formulas there, nothing cut off."""
    browser.set_window_size(1280, 900)
    browser.get(address + page)
    severe = [
        e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"
    ]
    assert severe == []
    broken = browser.execute_script(
        "return [...document.images].filter(i => i.complete && !i.naturalWidth)"
        ".map(i => i.src)"
    )
    assert broken == []
    if browser.execute_script("return document.querySelector('.math') !== null"):
        wait_for(
            browser,
            "return [...document.querySelectorAll('.math')]"
            ".every(m => m.querySelector('mjx-container'))",
            "formulas are not typeset",
        )
        failed = browser.execute_script(
            "return [...document.querySelectorAll('mjx-merror')].map(m => m.innerText)"
        )
        assert failed == []
    browser.set_window_size(NARROW, 900)
    wide = browser.execute_script(
        "return document.documentElement.scrollWidth"
        " - document.documentElement.clientWidth"
    )
    assert wide <= 1, f"{wide} pixels are cut off"


@pytest.mark.parametrize("word", ["soft_rank", "torchsort", "LightGBM"])
def test_search_finds(word, address, browser):
    browser.set_window_size(1280, 900)
    browser.get(f"{address}search.html?q={word}")
    found = wait_for(
        browser,
        "return [...document.querySelectorAll('#search-results li a')]"
        ".map(a => a.href)",
        f"the search for {word} finds nothing",
    )
    assert found


def test_links_lead_somewhere(address, browser):
    """Every link and anchor within the site exists."""
    anchors, links = {}, set()
    for page in PAGES:
        browser.get(address + page)
        here = browser.execute_script(
            "return [[...document.querySelectorAll('[id]')].map(e => e.id),"
            " [...document.querySelectorAll('a[href]')]"
            ".map(a => a.getAttribute('href'))]"
        )
        anchors[page] = set(here[0])
        links |= {(page, link) for link in here[1]}
    dead = set()
    for page, link in links:
        target = urljoin(address + page, link)
        if urlsplit(target).netloc != urlsplit(address).netloc:
            continue
        target, anchor = urldefrag(target)
        name = urlsplit(target).path.lstrip("/") or "index.html"
        name += "index.html" if name.endswith("/") else ""
        if not (SITE / name).exists() or (
            anchor and name in anchors and anchor not in anchors[name]
        ):
            dead.add((page, link))
    assert dead == set()
