"""Files of every format, made for tests."""

import zipfile
from io import BytesIO

OAK = "The oak on the market square was felled on Monday, after a storm had split its trunk in the night before."
TOWN = "It was planted in 1790, when the town hall was built, and outlived four of them."
LIMES = "The council will plant three limes in its place, as soon as the ground has been prepared for them."


def make_pdf(path, pages, head=""):
    """A PDF with a running head; `pages` are lists of paragraphs, those that begin with # are headings."""
    from fpdf import FPDF

    class Paper(FPDF):
        def header(self):
            self.set_font("helvetica", size=8)
            self.cell(0, 8, head)
            self.ln(14)

        def footer(self):
            self.set_y(-15)
            self.set_font("helvetica", size=8)
            self.cell(0, 8, f"page {self.page_no()}", align="C")

    paper = Paper()
    paper.set_title("Old trees")
    paper.set_author("Ann Moor")
    for page in pages:
        paper.add_page()
        for text in page:
            heading = text.startswith("# ")
            paper.set_font("times", "B" if heading else "", 16 if heading else 11)
            paper.multi_cell(0, 5, text.removeprefix("# "))
            paper.ln(4)
    paper.output(str(path))
    return path


def make_docx(path):
    """A Word document with a title, headings, a list, a table and a noted page break."""
    import docx
    from docx.oxml import OxmlElement

    document = docx.Document()
    document.core_properties.title = ""
    document.core_properties.author = "Ann Moor"
    document.add_heading("Old oak felled", 0)
    document.add_paragraph(OAK)
    document.add_heading("What comes next", 1)
    document.add_paragraph("three limes", style="List Bullet")
    document.add_paragraph("one bench", style="List Bullet")
    run = document.add_paragraph().add_run("")
    run._r.append(OxmlElement("w:lastRenderedPageBreak"))
    document.add_paragraph(LIMES)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Cost", "400 crowns"
    document.save(str(path))
    return path


def make_epub(path, chapters=(("One", OAK), ("Two", TOWN)), version=3, **more):
    """A book; `more`: further members of the archive, by name."""
    items = "".join(
        f'<item id="c{i}" href="c{i}.xhtml" media-type="application/xhtml+xml"/>' for i in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    links = "".join(f'<li><a href="c{i}.xhtml">Chapter {name}</a></li>' for i, (name, _) in enumerate(chapters))
    points = "".join(
        f'<navPoint><navLabel><text>Chapter {name}</text></navLabel><content src="c{i}.xhtml#a"/></navPoint>'
        for i, (name, _) in enumerate(chapters)
    )
    nav = '<item id="nav" properties="nav" href="nav.xhtml" media-type="application/xhtml+xml"/>'
    ncx = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Trees &amp; towns</dc:title>'
        "<dc:creator>Ann Moor</dc:creator><dc:date>2019-05-02T00:00:00Z</dc:date><dc:subject>trees</dc:subject>"
        f"</metadata><manifest>{items}{nav if version == 3 else ncx}</manifest><spine>{spine}</spine></package>",
        "OPS/nav.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body>'
        f'<nav epub:type="toc"><ol>{links}</ol></nav></body></html>',
        "OPS/toc.ncx": f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{points}</navMap></ncx>',
        **{
            f"OPS/c{i}.xhtml": f"<html><head><title>x</title></head><body><h1>{name}</h1><p>{text}</p></body></html>"
            for i, (name, text) in enumerate(chapters)
        },
        **more,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def packed(**members):
    """The bytes of a zip archive."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


RSS = f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>The Ostwick Review</title><link>https://example.org</link>
<item><title>Old oak felled &amp;amp; sold</title><link>https://example.org/oak</link><dc:creator>Ann Moor</dc:creator>
<pubDate>Thu, 02 May 2024 08:00:00 +0000</pubDate><category>trees</category><category>town</category>
<description>Short.</description>
<content:encoded><![CDATA[<h2>The night</h2><p>{OAK}</p><ul><li>one</li><li>two</li></ul>]]></content:encoded></item>
<item><title>Limes</title><description>{LIMES}</description></item>
<item><title>Nothing</title></item>
</channel></rss>"""
ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Review</title><author><name>Ben Holm</name></author>
<entry><title>Old oak</title><link rel="self" href="https://example.org/self"/><link href="https://example.org/oak"/>
<updated>2024-05-02T10:00:00Z</updated><category term="trees"/>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>{OAK}</p><p>{TOWN}</p></div></content></entry>
</feed>"""
