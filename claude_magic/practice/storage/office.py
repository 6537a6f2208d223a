"""How is a small office file written?

Only what a file must have to be opened, by the standard library: Office Open XML (ECMA-376) and PDF 1.4.
"""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.practice.storage.bundle import archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SCHEMAS = "http://schemas.openxmlformats.org/"
RELATED = f"{SCHEMAS}officeDocument/2006/relationships"
MAIN = "application/vnd.openxmlformats-officedocument."
RELATIONS = "application/vnd.openxmlformats-package.relationships+xml"
SPACES = f'xmlns:a="{SCHEMAS}drawingml/2006/main" xmlns:r="{RELATED}"'
SLIDE_SPACES = f'{SPACES} xmlns:p="{SCHEMAS}presentationml/2006/main"'
MOST_LINES, LINE = 40, 90  # of a PDF's page; characters
CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), " ")
"""Characters that XML cannot hold."""


class Paper(NamedTuple):
    """What goes into a file: a title, and a table (of one column where there are only lines)."""

    title: str
    columns: list[str]
    rows: list[list[Any]]

    @property
    def lines(self) -> list[str]:
        """The table as lines of text, its head only where it has several columns."""
        head = [self.columns] if len(self.columns) > 1 else []
        return [" | ".join("" if v is None else str(v) for v in row) for row in (*head, *self.rows)]


def xlsx(paper: Paper) -> bytes:
    """Return a workbook of one sheet named practice."""
    rows = "".join(_row(n, row) for n, row in enumerate([paper.columns, *paper.rows], 1))
    space = f'xmlns="{SCHEMAS}spreadsheetml/2006/main"'
    sheets = '<sheets><sheet name="practice" sheetId="1" r:id="rId1"/></sheets>'
    return _package(
        "xl/workbook.xml",
        {
            "xl/workbook.xml": f'<workbook {space} xmlns:r="{RELATED}">{sheets}</workbook>',
            "xl/worksheets/sheet1.xml": f"<worksheet {space}><sheetData>{rows}</sheetData></worksheet>",
        },
        {
            "xl/workbook.xml": f"{MAIN}spreadsheetml.sheet.main+xml",
            "xl/worksheets/sheet1.xml": f"{MAIN}spreadsheetml.worksheet+xml",
        },
        {"xl/workbook.xml": ["worksheets/sheet1.xml"]},
    )


def _row(number: int, cells: Sequence[Any]) -> str:
    return f'<row r="{number}">{"".join(map(_cell, cells))}</row>'


def _cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, int | float):
        return f"<c><v>{value!r}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{_safe(value)}</t></is></c>'


def docx(paper: Paper) -> bytes:
    """Return a document: the title, then a paragraph for each line."""
    lines = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{_safe(line)}</w:t></w:r></w:p>'
        for line in (paper.title, *paper.lines)
    )
    space = f'xmlns:w="{SCHEMAS}wordprocessingml/2006/main"'
    return _package(
        "word/document.xml",
        {"word/document.xml": f"<w:document {space}><w:body>{lines}</w:body></w:document>"},
        {"word/document.xml": f"{MAIN}wordprocessingml.document.main+xml"},
        {},
    )


def pptx(paper: Paper) -> bytes:
    """Return a presentation of one slide: the title, and a line for each row."""
    title, body = _shape(2, "title", [paper.title]), _shape(3, "body", paper.lines[:MOST_LINES])
    layout = '<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/></p:sldLayoutIdLst>'
    names = "bg1 tx1 bg2 tx2 accent1 accent2 accent3 accent4 accent5 accent6 hlink folHlink"
    palette = (f'{n}="{n.replace("bg", "lt").replace("tx", "dk")}"' for n in names.split())
    colours = f"<p:clrMap {' '.join(palette)}/>"
    master = '<p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId2"/></p:sldMasterIdLst>'
    slides = '<p:sldIdLst><p:sldId id="256" r:id="rId1"/></p:sldIdLst>'
    size = '<p:sldSz cx="9144000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/>'
    parts = {
        "ppt/presentation.xml": _slide("presentation", f"{master}{slides}{size}"),
        "ppt/slides/slide1.xml": _slide("sld", _tree(title + body)),
        "ppt/slideLayouts/slideLayout1.xml": _slide("sldLayout", _tree("")),
        "ppt/slideMasters/slideMaster1.xml": _slide("sldMaster", _tree("") + colours + layout),
        "ppt/theme/theme1.xml": _theme(),
    }
    words = ("presentation.main", "slide", "slideLayout", "slideMaster")
    kinds = {path: f"{MAIN}presentationml.{kind}+xml" for path, kind in zip(parts, words, strict=False)}
    kinds["ppt/theme/theme1.xml"] = f"{MAIN}theme+xml"
    links = {
        "ppt/presentation.xml": ["slides/slide1.xml", "slideMasters/slideMaster1.xml"],
        "ppt/slides/slide1.xml": ["../slideLayouts/slideLayout1.xml"],
        "ppt/slideLayouts/slideLayout1.xml": ["../slideMasters/slideMaster1.xml"],
        "ppt/slideMasters/slideMaster1.xml": ["../slideLayouts/slideLayout1.xml", "../theme/theme1.xml"],
    }
    return _package("ppt/presentation.xml", parts, kinds, links)


def _slide(tag: str, inside: str) -> str:
    return f"<p:{tag} {SLIDE_SPACES}>{inside}</p:{tag}>"


def _tree(shapes: str) -> str:
    own = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    return f"<p:cSld><p:spTree>{own}{shapes}</p:spTree></p:cSld>"


def _shape(number: int, kind: str, lines: Iterable[str]) -> str:
    top, height = (300_000, 900_000) if kind == "title" else (1_400_000, 5_000_000)
    paragraphs = "".join(f"<a:p><a:r><a:t>{_safe(line)}</a:t></a:r></a:p>" for line in lines) or "<a:p/>"
    place = f'<a:off x="457200" y="{top}"/><a:ext cx="8229600" cy="{height}"/>'
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{kind}"/><p:cNvSpPr/>'
        f'<p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>'
        f'<p:spPr><a:xfrm>{place}</a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr>'
        f"<p:txBody><a:bodyPr/><a:lstStyle/>{paragraphs}</p:txBody></p:sp>"
    )


def _theme() -> str:
    """Return the plainest theme that PowerPoint takes: each list must have three entries."""
    names = "dk1 lt1 dk2 lt2 accent1 accent2 accent3 accent4 accent5 accent6 hlink folHlink"
    colours = "".join(
        f'<a:{name}><a:srgbClr val="{"FFFFFF" if name.startswith("lt") else "1F2933"}"/></a:{name}>'
        for name in names.split()
    )
    font = '<a:latin typeface="Calibri"/><a:ea typeface=""/><a:cs typeface=""/>'
    fonts = f"<a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont>"
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>'
    fills, lines = fill * 3, f"<a:ln>{fill}</a:ln>" * 3
    effects = "<a:effectStyle><a:effectLst/></a:effectStyle>" * 3
    formats = (
        f"<a:fillStyleLst>{fills}</a:fillStyleLst><a:lnStyleLst>{lines}</a:lnStyleLst>"
        f"<a:effectStyleLst>{effects}</a:effectStyleLst><a:bgFillStyleLst>{fills}</a:bgFillStyleLst>"
    )
    inside = (
        f'<a:clrScheme name="practice">{colours}</a:clrScheme>'
        f'<a:fontScheme name="practice">{fonts}</a:fontScheme>'
        f'<a:fmtScheme name="practice">{formats}</a:fmtScheme>'
    )
    return f'<a:theme {SPACES} name="practice"><a:themeElements>{inside}</a:themeElements></a:theme>'


def _package(first: str, parts: dict[str, str], kinds: dict[str, str], links: dict[str, list[str]]) -> bytes:
    """Return the zip of an Office file: its parts, their content types, and the links of each part."""
    package = f"{SCHEMAS}package/2006/"
    usual = f'<Default Extension="rels" ContentType="{RELATIONS}"/>'
    own = "".join(f'<Override PartName="/{path}" ContentType="{kind}"/>' for path, kind in kinds.items())
    files = {"[Content_Types].xml": f'<Types xmlns="{package}content-types">{usual}{own}</Types>'}
    files["_rels/.rels"] = _links([first], package)
    for path, targets in links.items():
        folder, _, name = path.rpartition("/")
        files[f"{folder}/_rels/{name}.rels"] = _links(targets, package)
    return archive({path: (HEAD + text).encode() for path, text in (files | parts).items()})


def _links(targets: list[str], package: str) -> str:
    found = "".join(
        f'<Relationship Id="rId{n}" Type="{RELATED}/{_relation(target)}" Target="{target}"/>'
        for n, target in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{package}relationships">{found}</Relationships>'


def _relation(target: str) -> str:
    """Return the kind of a link, which the target's own name says: slides/slide1.xml is a slide."""
    kind = target.rpartition("/")[2].removesuffix(".xml").rstrip("1")
    if target.startswith("worksheets/"):
        return "worksheet"
    return kind if kind.startswith(("slide", "theme")) else "officeDocument"


def pdf(paper: Paper) -> bytes:
    """Return a PDF of one page: the title, then the lines as far as they fit."""
    lines = [f"({_quoted(line)}) '" for line in islice((paper.title, "", *paper.lines), MOST_LINES)]
    text = "\n".join(["BT /F1 11 Tf 18 TL 56 800 Td", *lines, "ET"]).encode("cp1252", "replace")
    fonts = b"<< /Font << /F1 4 0 R >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources %s >>" % fonts,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
    ]
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return bytes(made + end % (size, table, size, len(made)))


def _quoted(line: str) -> str:
    return "".join(f"\\{c}" if c in "\\()" else c for c in _plain(line)[:LINE])


def _plain(text: object) -> str:
    return " ".join(str(text).translate(CONTROL).split())


def _safe(text: object) -> str:
    return escape(_plain(text), quote=False)


WRITERS: dict[str, Callable[[Paper], bytes]] = {"xlsx": xlsx, "docx": docx, "pptx": pptx, "pdf": pdf}
