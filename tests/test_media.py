"""Are files sent as what they are, and the others refused with a way to go on?"""

from __future__ import annotations

import base64
import io
import os
import sys

import pytest
from PIL import Image

from claude_magic.errors import InputError
from claude_magic.prompts import media, sizes
from claude_magic.prompts.media import from_path


def picture(size=(4, 3), kind="PNG", mode="RGB") -> bytes:
    drawn = io.BytesIO()
    Image.new(mode, size).save(drawn, kind)
    return drawn.getvalue()


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("WEBP", "webp"), ("BMP", "png")],
)
def test_a_picture_is_an_image_block(kind, media_type, tmp_path):
    (tmp_path / f"a.{kind.lower()}").write_bytes(picture(kind=kind))
    part = from_path(tmp_path / f"a.{kind.lower()}")
    assert ("image", f"image/{media_type}") == (part.block["type"], part.block["source"]["media_type"])
    assert "image 4×3" == part.what


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("JPEG", "RGB"), ("GIF", "P")])
def test_a_large_picture_is_scaled_down(kind, mode, tmp_path):
    (tmp_path / "a").write_bytes(picture((3136, 100), kind, mode))
    part = from_path(tmp_path / "a")
    assert "image 2576×83" == part.what
    assert (2576, 83) == _sent(part.block).size


def _sent(block) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(block["source"]["data"])))


@pytest.mark.parametrize(
    ("tier", "size"), [("standard", (1092, 1092)), ("high", (1800, 1800)), (None, (1800, 1800))]
)
def test_a_picture_is_as_large_as_a_model_of_its_tier_sees_it(tier, size, tmp_path):
    (tmp_path / "a.png").write_bytes(picture((1800, 1800)))
    block, what = media.fitted(from_path(tmp_path / "a.png").block, tier)
    assert size == _sent(block).size
    assert what == ("image 1092×1092" if tier == "standard" else "")
    assert sizes.tokens(sizes.Size(1800, 1800), tier) == sizes.tokens(sizes.Size(*size), tier)


def test_a_photograph_too_large_as_png_goes_as_jpeg(tmp_path, monkeypatch):
    noise = Image.effect_noise((400, 400), 90)
    noise.save(tmp_path / "a.tiff")
    monkeypatch.setattr(media, "MOST_IMAGE", 140_000)
    part = from_path(tmp_path / "a.tiff")
    assert ("image/jpeg", "image 400×400") == (part.block["source"]["media_type"], part.what)


def test_a_picture_that_is_scaled_keeps_the_way_up_its_camera_noted(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn: https://exiftool.org/TagNames/EXIF.html
    Image.new("RGB", (4000, 1000)).save(tmp_path / "a.jpg", exif=turned)
    assert (644, 2576) == _sent(from_path(tmp_path / "a.jpg").block).size


@pytest.mark.parametrize(("size", "sent"), [((3000, 10), True), ((8001, 2), False)])
def test_without_pillow_a_picture_goes_as_it_is_where_the_service_takes_it(size, sent, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(picture(size))
    monkeypatch.setitem(sys.modules, "PIL", None)
    if sent:
        assert f"image {size[0]}×{size[1]}" == from_path(tmp_path / "a.png").what
        return
    with pytest.raises(InputError, match="8001×2 pixels") as caught:
        from_path(tmp_path / "a.png")
    assert "%pip install pillow" in caught.value.hint


def test_a_pdf_is_a_document_with_its_name(tmp_path):
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7 ...")
    block = from_path(str(tmp_path / "paper.pdf")).block
    assert ("document", "application/pdf", "paper.pdf") == (
        block["type"], block["source"]["media_type"], block["title"],
    )  # fmt: skip
    assert b"%PDF-1.7 ..." == base64.b64decode(block["source"]["data"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_is_read_whole(encoding, tmp_path):
    (tmp_path / "a.csv").write_bytes("a,é\n1,2\n".encode(encoding))
    assert "a,é\n1,2\n" == from_path(tmp_path / "a.csv").block["text"]


@pytest.mark.parametrize(
    ("name", "data", "message", "hint"),
    [
        ("a.png", b"no picture", "a.png is not a readable picture", "Attach"),
        ("a.PDF", b"no PDF", "a.PDF is not a readable PDF", "Attach"),
        ("a.pptx", b"no slides", "a.pptx is not a readable office file", "Attach"),
        ("a.docx", b"PK\x03\x04s", "neither a PDF", "PDF"),
        ("a.xlsx", b"PK\0\0", "neither a PDF", "pd.read_excel"),
        ("a.docx", b"PK\0\0", "neither a PDF", "PDF"),
        ("a.csv", "é".encode("latin-1"), "UTF-8", "pd.read_csv"),
        ("a.csv", b"x" * (media.MOST_TEXT + 1), "2.0 MB", "pd.read_csv"),
        ("a.bin", b"\0\1", "neither", "Attach"),
        ("a.txt", b"", "is empty", "Attach"),
        ("a.png", picture()[:-20], "not a readable picture", "Attach"),
        ("a.tiff", b"nothing", "not a readable picture", "Attach"),
        (".env", b"A=1", "named like a secret", "Copy"),
        ("db_password.txt", b"x", "named like a secret", "Copy"),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused(name, data, message, hint, tmp_path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as caught:
        from_path(tmp_path / name)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_file_too_large_for_a_request_is_not_even_read(tmp_path):
    with (tmp_path / "a.pdf").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(InputError, match=r"1000000\.0 MB"):
        from_path(tmp_path / "a.pdf")


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "report.pdf").write_bytes(b"%PDF-")
    with pytest.raises(InputError) as caught:
        from_path(tmp_path / "reprot.pdf")
    assert f"Did you mean {tmp_path / 'report.pdf'}?" == caught.value.hint


@pytest.mark.parametrize(
    "place", ["/nowhere/a.pdf", "~nobody-here/a.pdf", "a\0b", "x" * 5000, "https://example.com/a.pdf"]
)
def test_a_path_that_is_none_is_an_error_of_ours(place):
    with pytest.raises(InputError) as caught:
        from_path(place)
    assert caught.value.hint


def test_folders_and_pipes_are_not_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InputError, match=r"is a folder|is not a file"):
            from_path(place)


def test_a_picture_too_large_for_the_service_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(media, "MOST_IMAGE", 50)
    (tmp_path / "a.png").write_bytes(picture())
    with pytest.raises(InputError) as caught:
        from_path(tmp_path / "a.png")
    assert "Scale it down" in caught.value.hint
