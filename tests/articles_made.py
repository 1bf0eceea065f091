"""Articles made by hand for tests."""

from rag.articles import Article, Paragraph


def make_article(*paragraphs, id="a.md", title="A title", **metadata):  # noqa: A002
    """An article of the given paragraphs; a (heading, text) pair stands under a heading."""
    pieces, found, length = [], [], 0
    heading = ""
    for item in paragraphs:
        if isinstance(item, tuple):
            new, text = item
            if new != heading:
                heading = new
                pieces.append(heading)
                length += len(heading) + 2
        else:
            text = item
        found.append(Paragraph(len(found) + 1, text, length, length + len(text), heading))
        pieces.append(text)
        length += len(text) + 2
    return Article(id, title, "\n\n".join(pieces), tuple(found), id, **metadata)
