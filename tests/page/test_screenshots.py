"""The pictures of docs/page.md: `tox run -e page -- --screenshots docs/images`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.page.viewports import DESKTOP, PHONE

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: tox run -e page")
ImageDraw = pytest.importorskip("PIL.ImageDraw")

README = """# Flowers

Tells the species of **irises** by their measures, describes them, and turns pictures of them into negatives.

| species | petal length |
|---|--:|
| *setosa* | below 2.5 cm |
| *versicolor* | 2.5 to 4.9 cm |
| *virginica* | above |
"""
LARGEST_BYTES = 300_000


@pytest.fixture
def folder(request) -> Path:
    chosen = request.config.getoption("--screenshots")
    if chosen is None:
        pytest.skip("pictures are made with --screenshots FOLDER")
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


@pytest.fixture
def iris(tmp_path) -> Path:
    """A flower, painted."""
    path = tmp_path / "iris.png"
    picture = Image.new("RGB", (640, 360), (226, 240, 217))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((312, 180, 328, 360), fill=(76, 140, 74))
    for x, y in ((230, 120), (410, 120), (270, 220), (370, 220), (320, 80)):
        draw.ellipse((x - 70, y - 55, x + 70, y + 55), fill=(122, 82, 196), outline=(88, 56, 150), width=4)
    draw.ellipse((285, 125, 355, 195), fill=(247, 206, 70))
    picture.save(path)
    return path


def write(page, path: Path) -> None:
    """Few colours are enough for a page, and make its picture small."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size < LARGEST_BYTES


def test_pictures_are_made_for_the_documents(folder, iris, open_page, serve_flowers):
    served = serve_flowers(README)

    page = open_page(served, DESKTOP, color_scheme="light")
    form = page.locator("#post-classify form")
    form.locator("textarea").fill("[[5.1, 3.5, 1.4, 0.2], [5.9, 3.0, 5.1, 1.8]]")
    form.get_by_role("button", name="Send").click()
    form.locator(".status", has_text="200").wait_for()
    page.locator("#state", has_text="Ready").wait_for()
    page.evaluate("scrollTo(0, 0)")
    write(page, folder / "page-desktop.png")

    page = open_page(served, PHONE, color_scheme="light", device_scale_factor=2)
    form = page.locator("#post-negative form")
    form.locator("input[type=file]").first.set_input_files(iris)
    form.get_by_role("button", name="Send").click()
    form.locator(".shown img").wait_for()
    page.locator("#post-negative").evaluate("card => scrollTo(0, card.offsetTop - 8)")
    write(page, folder / "page-phone.png")

    page = open_page(served, PHONE, color_scheme="dark", device_scale_factor=2)
    form = page.locator("#post-describe form")
    form.locator("textarea").fill("iris")
    form.locator("summary", has_text="Options").click()
    form.locator(".accept").select_option("text/event-stream")
    form.locator("summary", has_text="Options").click()
    form.get_by_role("button", name="Send").click()
    form.locator("li", has_text="July.").wait_for()
    page.locator("#post-describe").evaluate("card => scrollTo(0, card.offsetTop - 8)")
    write(page, folder / "page-dark.png")
