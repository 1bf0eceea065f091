"""Encodings are found, and named where they had to be assumed."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.decoding import SAMPLE, decode
from rag.errors import UnreadableArticle

GERMAN = "Die Straße führt über die Brücke. Größere Fähren fahren für fünf Euro übers Wasser nach Süden."
ENGLISH = "He said “the café is closed” – and left. It’s £5."
CHINESE = "中国的人工智能产业在过去几年里发展迅速。许多公司都在研究大模型,其中一些已经公开发布。"
JAPANESE = "東京の新しい港は六月に開かれました。三つのクレーンが毎週四十隻の船を荷下ろしします。"
RUSSIAN = "Новый порт был открыт в июне. Три крана разгружают сорок судов в неделю."
KOREAN = "새로운 항구는 유월에 문을 열었습니다. 세 대의 크레인이 매주 배를 내립니다."
ALL = [GERMAN, ENGLISH, CHINESE, JAPANESE, RUSSIAN, KOREAN]


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_what_is_certain_is_not_named(text, encoding):
    assert decode(text.encode(encoding)) == (text, "")


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(text, encoding):
    assert decode(text.encode(encoding)) == (text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"),
        (ENGLISH, "cp1252"),
        (CHINESE, "gb18030"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (KOREAN, "cp949"),
    ],
)
def test_older_encodings_are_found_and_named(text, encoding):
    assert decode(text.encode(encoding)) == (text, encoding)


def test_a_long_file_is_told_by_its_beginning_and_read_whole():
    text = f"{CHINESE}\n" * (SAMPLE // len(CHINESE))
    assert decode(text.encode("gb18030")) == (text, "gb18030")


def test_what_a_page_declares_is_believed():
    page = '<meta charset="iso-8859-2"><p>Żółć i łódź</p>'
    assert decode(page.encode("iso-8859-2")) == (page, "")


def test_what_no_page_is_written_in_is_not_believed():
    page = '<meta charset="punycode"><p>Die Fähre hält-abc'
    assert decode(page.encode("cp1252")) == (page, "cp1252")


def test_a_few_broken_characters_do_not_change_the_encoding():
    cut = (GERMAN * 3).encode() + "ü".encode()[:1]
    text, encoding = decode(cut)
    assert text == GERMAN * 3 + "\ufffd"
    assert encoding == "utf-8 with 1 broken characters"


@pytest.mark.parametrize("odd", [b"\x81", b"\xff\x80", b"\xfe\xfe\xff\xff", b"\x8d\x8f"])
def test_a_few_odd_bytes_in_plain_text_do_not_cost_the_file(odd):
    text, encoding = decode(b"The crane unloads forty ships" + odd + b" a week. It is old and slow." * 3)
    assert text.startswith("The crane unloads forty ships")
    assert text.endswith("It is old and slow.")
    assert encoding


@pytest.mark.parametrize("data", [b"\x89PNG\r\n" + bytes(range(256)) * 9, os.urandom(3000), b"\x00\x01\x02ab" * 50])
def test_binary_data_is_refused(data):
    with pytest.raises(UnreadableArticle, match="not text"):
        decode(data)


def test_a_stray_zero_byte_is_no_binary_file():
    assert decode(f"{GERMAN}\0{GERMAN}".encode())[0] == f"{GERMAN}\0{GERMAN}"


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc"))))
def test_text_in_utf_8_comes_back(text):
    assert decode(text.encode())[0] == text.lstrip("\ufeff")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    try:
        text, _ = decode(data)
    except UnreadableArticle:
        return
    assert isinstance(text, str)
