"""Labelled questions, their figures, the page that shows them."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from articles_made import make_article
from test_cli import run

from rag.errors import RagError
from rag.evaluation import evaluate, read_earlier
from rag.evaluation.labelled import LabelledQuestion, read_questions, read_set
from rag.evaluation.measures import compare, holds, normalised, risk_coverage, summary, token_f1
from rag.evaluation.report import verdict, write_report

QUESTIONS = [
    {"question": "When was the new harbour opened?", "answer": "June 2021", "article": "harbour.md", "paragraph": 1},
    {"question": "What does cod cost?", "answers": ["twice as much"], "evidence": ["Cod costs twice as much"]},
    {
        "question": "What are the three tasks of the harbour master?",
        "parts": ["deeper channel", "railway", "school for pilots"],
        "article": "The harbour of Ostwick",
    },
    {"question": "Who is the mayor of Ostwick?", "answers": []},
    {"question": "Who founded the university of Karlsborg in 1755?", "answerable": False},
    {
        "question": "And how much did they cost?",
        "answer": "400,000",
        "history": [["How long did repairs of the lighthouse take?", "Repairs took eleven weeks."]],
    },
    {"question": "What is there to <script>alert(1)</script> see?"},
]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    file = tmp_path_factory.mktemp("questions") / "questions.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in QUESTIONS) + "\n")
    return file


@pytest.fixture(scope="module")
def evaluation(questions, index):
    return evaluate(questions, index)


def answer_of(*sentences):
    """As much of an answer as `holds` looks at."""
    return SimpleNamespace(sentences=[SimpleNamespace(text=text) for text in sentences])


def test_a_question_file_is_asked_and_measured(evaluation):
    by_question = {row["question"]: row for row in evaluation.rows}
    assert [row["answerable"] for row in evaluation.rows] == [True, True, True, False, False, True, None]
    opened = by_question["When was the new harbour opened?"]
    assert opened["lost"] == "right"
    assert opened["values"]["R@1"] == opened["values"]["holds"] == opened["values"]["citation recall"] == 1
    assert opened["labelled"][0]["article"] == "The harbour of Ostwick"
    assert by_question["Who founded the university of Karlsborg in 1755?"]["lost"] == "rightly refused"
    assert by_question["What is there to <script>alert(1)</script> see?"]["lost"] == "unlabelled"
    follow_up = by_question["And how much did they cost?"]
    assert follow_up["follow_up"]
    assert follow_up["searched"] != follow_up["question"]
    assert evaluation.follow_ups["holds"].count == 1
    assert sum(evaluation.losses().values()) == len(QUESTIONS)


def test_figures_are_means_over_the_questions_they_apply_to(evaluation):
    figures = evaluation.figures
    for name in ("R@1", "holds", "right", "F1"):
        values = [row["values"][name] for row in evaluation.rows if name in row["values"]]
        assert figures[name].value == pytest.approx(np.mean(values), abs=1e-6)
        assert figures[name].count == len(values)
        assert figures[name].low <= figures[name].value <= figures[name].high
    assert figures["refused"].count == 2
    assert figures["holds"].count == 4
    # By hand: how often an answerable question has the higher confidence.
    yes = [row["confidence"] for row in evaluation.rows if row["answerable"]]
    no = [row["confidence"] for row in evaluation.rows if row["answerable"] is False]
    assert figures["AUROC"].value == pytest.approx(np.mean([(a > b) + (a == b) / 2 for a in yes for b in no]))


def test_the_same_again_is_no_difference(evaluation):
    for change in evaluation.compared(evaluation.to_dict()).values():
        assert change["difference"] == 0
        assert change["p"] == 1


def test_a_difference_that_chance_does_not_make_is_told():
    def rows(*right):
        return [
            {"id": str(i), "answerable": True, "confidence": 0.5, "lost": "right", "values": {"right": float(value)}}
            for i, value in enumerate(right)
        ]

    better = compare(rows(*[0] * 20), rows(*[1] * 18, 0, 0), 0.5)["right"]
    assert better["difference"] == 0.9
    assert better["p"] < 0.001
    chance = compare(rows(*[0, 1] * 10), rows(*[1, 0] * 9, 1, 1), 0.5)["right"]
    assert chance["p"] > 0.5


def test_a_set_with_its_own_articles(tmp_path):
    (folder := tmp_path / "tiny").mkdir()
    corpus = [
        {"_id": "p1", "title": "Owls", "article_id": "owls", "position": 1, "text": "Barn owls hunt voles at night."},
        {"_id": "p0", "title": "Owls", "article_id": "owls", "position": 0, "text": "Owls are birds with large eyes."},
        {
            "_id": "q0",
            "title": "Bees",
            "article_id": "bees",
            "text": "A hive holds up to 60,000 bees.\u2028More in May.",
        },
    ]
    asked = [
        {"_id": "1", "text": "What do barn owls hunt?", "answers": ["voles"]},
        {"_id": "2", "text": "How many bees does a hive hold?", "answers": ["60,000"]},
        {"_id": "3", "text": "Which company makes the fastest train?", "answers": []},
    ]
    (folder / "corpus.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in corpus), "utf-8")
    (folder / "queries.jsonl").write_text("\n".join(json.dumps(r) for r in asked), "utf-8")
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\tp1\t1\n2\tq0\t1\n3\tp0\t0\n")
    labelled = read_set(folder)
    assert [a.id for a in labelled.articles] == ["owls", "bees"]
    assert labelled.questions[0].paragraphs == {("owls", 2)}
    assert labelled.questions[2].answerable is False
    found = evaluate(folder, tmp_path / "kept")
    assert found.figures["R@1"].value == 1
    assert found.figures["holds"].value == 1
    assert (tmp_path / "kept" / "CURRENT").is_file()


def test_a_table_of_questions(tmp_path):
    article = make_article("Barn owls hunt voles.", "They nest in barns.", id="owls.md", title="Owls")
    file = tmp_path / "mine.csv"
    file.write_text('question,answer,article,paragraph\n"What, then, do they hunt?",voles,Owls,1\nWhere?,,owls.md,2\n')
    first, second = read_questions(file, [article]).questions
    assert (first.text, first.answers, first.paragraphs) == ("What, then, do they hunt?", ("voles",), {("owls.md", 1)})
    assert (second.answerable, second.answers, second.paragraphs) == (True, (), {("owls.md", 2)})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1 is not JSON"),
        ('{"text": "no question"}', "line 1 is not an object with question"),
        ('{"question": "Who?", "article": "nowhere"}', "the index has no article 'nowhere'"),
        ('{"question": "Who?", "article": "a.md", "paragraph": 7}', "'A title' has no paragraph 7; it has 1 to 1"),
        ('{"question": "Who?", "evidence": ["not there"]}', "no article has its evidence 'not there'"),
    ],
)
def test_a_wrong_question_is_named(line, said, tmp_path):
    file = tmp_path / "questions.jsonl"
    file.write_text(line)
    with pytest.raises(RagError, match=said):
        read_questions(file, [make_article("One paragraph.")])


def test_answers_are_compared_as_squad_does():
    assert normalised("The  Cat, an animal!") == "cat animal"
    assert token_f1("It was opened in June 2021.", "June 2021") == pytest.approx(2 * 2 / (6 + 2))
    assert token_f1("Nothing", "June 2021") == 0


def test_a_gold_string_stands_as_a_whole():
    question = LabelledQuestion("1", "How many?", True, answers=("13", "thirteen"))
    assert holds(question, answer_of("There are 13 of them."))
    assert holds(question, answer_of("Nothing here.", "Thirteen, in all."))
    assert not holds(question, answer_of("There are 130 of them."))
    several = LabelledQuestion("1", "Which?", True, parts=("red", "blue"))
    assert holds(several, answer_of("One is red.", "The other is blue."))
    assert not holds(several, answer_of("One is red."))


def test_risk_at_each_coverage():
    risk = risk_coverage(np.array([0.1, 0.9, 0.5]), np.array([False, True, False]))
    assert risk.tolist() == pytest.approx([0, 1 / 2, 2 / 3])


def test_rewritings_are_measured_without_an_index(tmp_path):
    rows = [
        {"question": "When was she born?", "history": ["Who is Anna Berg?"], "rewrite": "When was Anna Berg born?"},
        {"question": "Who runs the Red Cross?", "history": ["Who is Anna Berg?"], "rewrite": "Who runs the Red Cross?"},
        {"question": "How about winters there?", "history": ["Is Oslo cold?"], "rewrite": "Are Norway winters cold?"},
    ]
    file = tmp_path / "rewrites.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    found = evaluate(file, tmp_path / "no index")
    assert [row["lost"] for row in found.rows] == ["understood", "understood", "not understood"]
    assert found.figures["left alone"].value == 1
    # Of the third's needed words, "Norway" and "cold", the last question has one.
    assert found.figures["needed words"].value == pytest.approx((1 + 1 / 2) / 2)
    write_report(found, tmp_path / "report.html")
    assert "Norway" in (tmp_path / "report.html").read_text()


def test_one_question_has_no_interval():
    row = {"answerable": True, "confidence": 0.9, "lost": "right", "values": {"right": 1.0, "seconds": 0.1}}
    figure = summary([row], 0.5)["right"]
    assert math.isnan(figure.low)
    assert figure.to_dict() == {"value": 1.0, "low": None, "high": None, "count": 1}


def test_the_report_says_how_good_it_is_and_shows_the_failures(evaluation, tmp_path):
    file = tmp_path / "report.html"
    write_report(evaluation, file, evaluation.compared(evaluation.to_dict()))
    page = file.read_text()
    for sentence in verdict(evaluation):
        assert sentence.replace("'", "&#39;") in page
    assert page.count("<svg") == 4
    assert "src=" not in page
    assert "<script" not in page
    for name in ("answer_threshold", "Compared with before", "MRR@10"):
        assert name in page
    write_report(evaluation, tmp_path / "again.html", evaluation.compared(evaluation.to_dict()))
    assert (tmp_path / "again.html").read_text() == page


def test_eval_on_the_command_line(questions, index, tmp_path):
    shown = run("eval", questions, "--index", index, "--report", tmp_path / "report.html")
    for part in ("questions: 7 questions", "R@1", "AUROC", "seconds p50", "rightly refused"):
        assert part in shown
    assert (tmp_path / "report.html").stat().st_size > 10_000
    values = json.loads(run("eval", questions, "--index", index, "--json"))
    assert set(values) == {
        "format", "name", "facts", "settings", "figures", "follow_ups", "losses",
        "notes", "questions", "comparison",
    }  # fmt: skip
    assert set(values["figures"]["right"]) == {"value", "low", "high", "count"}
    said = run("eval", tmp_path / "nowhere.jsonl", "--index", index, expect=2)
    assert "There is no" in said


def test_what_is_no_evaluation_is_not_compared_with(tmp_path):
    (tmp_path / "old.json").write_text("{}")
    with pytest.raises(RagError, match="not of format 1"):
        read_earlier(tmp_path / "old.json")
    with pytest.raises(RagError, match="There is no"):
        read_earlier(tmp_path / "none.json")
