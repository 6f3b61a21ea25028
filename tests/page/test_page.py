"""The page in Chromium: somebody fills in a form, clicks, and sees the answer."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.harness.served import Served
from tests.page.viewports import DESKTOP, PHONE

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: tox run -e page")
BOTH = pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (64, 48), (250, 120, 5)).save(path)
    return path


def form_of(page, name):
    return page.locator(f"#post-{name} form")


def send(form, status="200 OK"):
    """Click, wait until the answer is whole, and return where it is shown."""
    form.get_by_role("button", name="Send").click()
    form.locator("xpath=self::*[not(@aria-busy)]").wait_for()
    shown = form.locator(".arrived")
    assert shown.locator(".status").inner_text().startswith(status), form.locator(
        ".request .note, .answer"
    ).all_inner_texts()
    return shown.locator(".shown")


@BOTH
def test_the_page_shows_every_api_and_the_readme_without_what_does_harm(open_page, flowers, viewport):
    page = open_page(flowers, viewport)
    assert page.title() == "flowers"
    page.locator("#state", has_text="Ready").wait_for()
    paths = page.locator("#apis article h2 code").all_inner_texts()
    assert paths[:3] == ["/classify", "/plan", "/negative"]
    assert "/beds/{bed}/plants" in paths
    readme = page.locator("#readme")
    assert readme.locator("strong").inner_text() == "irises"
    assert readme.locator("th").all_inner_texts() == ["petal", "species"]
    assert "<script>window.hacked" in readme.inner_text()
    assert readme.locator("script, img").count() == 0
    assert "javascript:window.hacked=true" in readme.inner_text()
    assert page.evaluate("window.hacked") is None


@BOTH
def test_nothing_is_wider_than_the_window(open_page, flowers, viewport):
    page = open_page(flowers, viewport)
    for summary in page.locator("details > summary").all():
        if summary.is_visible():
            summary.click()
    send(form_of(page, "plan"))
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]


@BOTH
def test_an_example_is_sent_as_it_stands_there(open_page, flowers, viewport):
    page = open_page(flowers, viewport)
    shown = send(form_of(page, "classify"))
    assert json.loads(shown.inner_text()) == [0]
    assert re.search(r"\d+ ms · \d+ B · application/json", form_of(page, "classify").inner_text())


def test_json_is_laid_out_without_changing_its_numbers(open_page, flowers):
    page = open_page(flowers, DESKTOP)
    form = form_of(page, "plan")
    form.locator("textarea").fill('{"name": "Kew", "area_m2": 120.5, "beds": [12345678901234567]}')
    shown = send(form)
    assert '"rows": 12345678901234567' in shown.inner_text()
    assert shown.locator(".json-key").count() == 3


def test_what_was_wrong_is_shown(open_page, flowers):
    page = open_page(flowers, DESKTOP)
    form = form_of(page, "classify")
    form.locator("textarea").fill("[[1, 2]]")
    shown = send(form, status="400")
    assert "shape (-1, 4)" in shown.inner_text()
    # Chromium itself says so of every answer above 399.
    page.seen.complaints[:] = [text for text in page.seen.complaints if "status of 400" not in text]


@BOTH
def test_an_array_is_sent_and_saved_as_a_file(open_page, flowers, viewport, tmp_path):
    page = open_page(flowers, viewport)
    form = form_of(page, "classify")
    form.locator(".content-type").select_option("application/x-npy")
    np.save(tmp_path / "irises.npy", np.array([[5.0, 3.0, 1.4, 0.2], [6.0, 3.0, 5.5, 2.0]]))
    form.locator(".content:not([hidden]) input[type=file]").set_input_files(tmp_path / "irises.npy")
    form.locator("summary", has_text="Options").click()
    form.locator(".accept").select_option("application/x-npy")
    shown = send(form)
    assert "shape (2,)" in shown.inner_text()
    with page.expect_download() as download:
        form.get_by_role("link", name="Save").click()
    assert np.load(download.value.path()).tolist() == [0, 2]
    assert download.value.suggested_filename == "answer.npy"


@BOTH
def test_an_image_is_shown_before_and_after(open_page, flowers, viewport, picture):
    page = open_page(flowers, viewport)
    form = form_of(page, "negative")
    form.locator("input[type=file]").first.set_input_files(picture)
    form.locator(".preview img").wait_for()
    shown = send(form)
    image = shown.locator("img")
    image.wait_for()
    page.wait_for_function("image => image.complete && image.naturalWidth === 64", arg=image.element_handle())


@BOTH
def test_a_form_of_parts_is_sent(open_page, flowers, viewport, picture):
    page = open_page(flowers, viewport)
    form = form_of(page, "label")
    form.get_by_label("picture").set_input_files(picture)
    form.get_by_label("note").fill("an “iris”; with ümlauts")
    shown = send(form)
    assert json.loads(shown.inner_text()) == {"note": "an “iris”; with ümlauts", "width": 64, "height": 48}


@pytest.mark.parametrize("media_type", ["text/event-stream", None])
def test_a_stream_is_shown_as_it_comes(open_page, flowers, media_type):
    page = open_page(flowers, PHONE)
    form = form_of(page, "describe")
    form.locator("textarea").fill("iris")
    if media_type:
        form.locator("summary", has_text="Options").click()
        form.locator(".accept").select_option(media_type)
    page.evaluate(
        """() => {
            window.steps = new Set();
            const shown = document.querySelector("#post-describe .shown");
            new MutationObserver(() => window.steps.add(shown.innerText.length)).observe(
                shown, { childList: true, subtree: true });
        }"""
    )
    shown = send(form)
    words = shown.inner_text()
    assert [word for word in ("iris", "bloom", "July.") if word in words] == ["iris", "bloom", "July."]
    assert page.evaluate("window.steps.size") > 2
    if media_type:
        assert shown.locator("li").count() == 9


def test_a_parameter_of_the_path_and_a_file_and_nothing_are_sent(open_page, flowers, tmp_path):
    page = open_page(flowers, DESKTOP)
    form = form_of(page, "plant")
    form.get_by_role("button", name="Send").click()
    form.locator(".note", has_text="Fill in bed.").wait_for()
    form.get_by_label("bed").fill("7")
    form.locator("textarea").fill("iris")
    assert json.loads(send(form).inner_text()) == {"bed": 7, "species": "iris"}

    (tmp_path / "file.bin").write_bytes(b"\x00\x01\x02")
    form = form_of(page, "reverse")
    form.locator("input[type=file]").first.set_input_files(tmp_path / "file.bin")
    send(form)
    with page.expect_download() as download:
        form.get_by_role("link", name="Save").click()
    assert download.value.path().read_bytes() == b"\x02\x01\x00"

    assert json.loads(send(form_of(page, "season")).inner_text()) == {"season": "spring", "from": "May"}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_sent_as_a_file(open_page, flowers, tmp_path, ending):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table = pandas.DataFrame({"sepal": [5.0, 6.0, 7.0], "petal": [1.4, 5.5, 4.7]})
    path = tmp_path / f"table.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    page = open_page(flowers, DESKTOP)
    form = form_of(page, "largest")
    types = form.locator(".content-type option").all_inner_texts()
    form.locator(".content-type").select_option(next(name for name in types if ending in name))
    form.locator(".content:not([hidden]) input[type=file]").set_input_files(path)
    assert [row["petal"] for row in json.loads(send(form).inner_text())] == [5.5, 4.7]


def test_what_was_copied_as_curl_gives_the_same_answer(open_page, flowers, picture):
    page = open_page(flowers, DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    form = form_of(page, "label")
    form.get_by_label("picture").set_input_files(picture)
    form.get_by_label("note").fill('it\'s "one"; two')
    form.get_by_role("button", name="Copy as curl").click()
    form.locator(".note", has_text="Copied.").wait_for()
    command = shlex.split(page.evaluate("navigator.clipboard.readText()").replace("\\\n", ""))
    assert command[0] == "curl"
    done = subprocess.run([*command, "--silent"], cwd=picture.parent, capture_output=True, check=True)
    assert json.loads(done.stdout) == {"note": 'it\'s "one"; two', "width": 64, "height": 48}


def test_every_field_has_a_name_and_every_button_says_what_it_does(open_page, flowers):
    page = open_page(flowers, DESKTOP)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea, button, a")]
            .filter((e) => !(e.labels?.length || e.innerText?.trim() || e.getAttribute("aria-label")))
            .filter((e) => e.checkVisibility())
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag in page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((e) => e.tagName)")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_page_is_used_with_the_keyboard_alone(open_page, flowers):
    page = open_page(flowers, DESKTOP)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    form = form_of(page, "plan")
    form.locator("textarea").focus()
    page.keyboard.press("Control+Enter")
    form.locator(".answer .status", has_text="200").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_both_themes(open_page, flowers, scheme):
    page = open_page(flowers, DESKTOP, color_scheme=scheme)
    send(form_of(page, "plan"))
    assert page.evaluate((Path(__file__).parent / "contrast.js").read_text("utf-8")) == []


def test_the_theme_is_chosen_and_kept(open_page, flowers):
    page = open_page(flowers, PHONE, color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Theme: auto").click()
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate(paper) != light
    page.reload()
    page.get_by_role("button", name="Theme: dark").wait_for()
    assert page.evaluate(paper) != light


@pytest.fixture
def locked(flowers):
    served = Served(flowers.folder, "flowers:1.0.0", JUBAKO_SERVER__API_KEYS="let-me-in")
    try:
        served.wait_until_ready()
        yield served
    finally:
        served.close()


@BOTH
def test_a_page_with_api_keys_asks_for_one_and_sends_it(open_page, locked, viewport):
    page = open_page(locked, viewport)
    assert page.title() == "API key"
    assert "flowers" not in page.content()
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Open the page").click()
    page.locator("#unlock-state", has_text="401").wait_for()
    page.get_by_label("API key").fill("let-me-in")
    page.keyboard.press("Enter")
    page.locator("h1", has_text="flowers").wait_for()
    assert json.loads(send(form_of(page, "classify")).inner_text()) == [0]
    page.reload()
    page.locator("h1", has_text="flowers").wait_for()
    page.seen.complaints[:] = [text for text in page.seen.complaints if "status of 401" not in text]
