"""Watermarks, invisible characters, set phrases."""

from rag.cleaning import clean, find_watermarks, strip_phrases, strip_watermarks, tidy

MARKED = (
    "The globaDaily Postl market and the locaDaily Postl one differ. A global market is large. Local markets are "
    "stDaily Postrong. Strong demand is local and global."
)


def test_a_phrase_glued_into_words_is_found_and_taken_out():
    assert find_watermarks(MARKED) == ["Daily Post"]
    assert strip_watermarks(MARKED, ["Daily Post"]).startswith("The global market and the local one differ.")


def test_the_same_words_standing_by_themselves_stay():
    text = MARKED + " The Daily Post reported it."
    assert strip_watermarks(text, find_watermarks(text)).endswith("The Daily Post reported it.")


def test_names_with_capitals_inside_are_no_watermarks():
    text = "OpenAI, iPhone, YouTube, GitHub and OpenAI again; a YouTuber on YouTube, eBay, OpenAI’s GitHub. " * 4
    assert find_watermarks(text) == []


def test_a_set_phrase_goes_wherever_it_stands():
    assert strip_phrases("maXYZnufacture XYZ", ["XYZ"]) == "manufacture "


def test_what_cannot_be_seen_is_removed():
    assert clean("a\u200bb\u00adc\x00d\r\ne\u2028f\ufeff") == "abcd\ne\nf"
    assert clean("e\u0301") == "\u00e9"
    assert tidy("  a \t b \n\n  c ") == "a b\nc"


def test_millions_of_letters_of_odd_words_are_looked_through():
    assert find_watermarks("".join(f"ab{i}cDefghij " for i in range(300_000))) == []
