"""An evaluation as one self-contained HTML page: the verdict, where questions were lost, plots, and the failures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import RagError
from rag.evaluation import Evaluation
from rag.evaluation.measures import LOSSES, LOWER_IS_BETTER, RETRIEVAL, outcomes, risk_coverage
from rag.files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEMPLATE = Path(__file__).with_name("report.html")
MOST_FAILURES = 60
"""Failures that are shown; `eval --json` has all."""

FAILURES = ("not refused", "refused", "not said", "not found", "not understood", "overdone")
ADVICE = {
    "not found": "Is the article indexed, and read well (rag search shows its text)? Are its words far from the "
    "question's? Another model may find it.",
    "not said": "The right paragraph was found and another sentence chosen. Are the labels complete? Another sentence "
    "may say it too.",
    "refused": "Lower answer_threshold if wrong answers harm less than missing ones.",
    "not refused": "Raise answer_threshold if wrong answers harm more than missing ones.",
    "unlabelled": "Give an answer, a paragraph or evidence, and these count too.",
}


def write_report(evaluation: Evaluation, file: Path, comparison: dict[str, dict[str, Any]] | None = None) -> None:
    """The page, into `file`.

    Raises:
        RagError: `file` can't be written.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    failures = [row for row in evaluation.rows if row["lost"] in FAILURES]
    order = list(LOSSES)
    # The surest of the wrong answers first: these deceive most.
    failures.sort(key=lambda row: (not row["answered"], -row["confidence"], order.index(row["lost"])))
    page = template.render(
        evaluation=evaluation,
        verdict=verdict(evaluation),
        losses=[(kind, count, LOSSES[kind], ADVICE.get(kind, "")) for kind, count in evaluation.losses().items()],
        plots=_plots(evaluation),
        comparison=comparison or {},
        lower=LOWER_IS_BETTER,
        failures=failures[:MOST_FAILURES],
        more=max(0, len(failures) - MOST_FAILURES),
        reasons=LOSSES,
    )
    try:
        write_file(file, page.encode())
    except OSError as error:
        raise RagError(f"The report can't be written to {file} ({error.strerror}); name another file.") from error


def verdict(evaluation: Evaluation) -> list[str]:
    """What the figures come to, a sentence each."""
    said = []
    figures = evaluation.figures
    if "right" in figures:
        right = figures["right"]
        said.append(
            f"Of {right.count:,} questions that the articles answer, {right.value:.0%} were answered rightly "
            f"({right.low:.0%} to {right.high:.0%})."
        )
    if "refused" in figures:
        refused = figures["refused"]
        said.append(
            f"Of {refused.count:,} that they don't, {refused.value:.0%} were refused "
            f"({refused.low:.0%} to {refused.high:.0%})."
        )
    if "R@1" in figures:
        said.append(
            f"The paragraph that tells it came first for {figures['R@1'].value:.0%}, and among the first five for "
            f"{figures['R@5'].value:.0%}."
        )
    if "needed words" in figures:
        said.append(
            f"Follow-ups were given {figures['needed words'].value:.0%} of the words they need to stand alone, and "
            f"{figures['left alone'].value:.0%} of the questions that need none were left alone."
        )
    wrong = {kind: n for kind, n in evaluation.losses().items() if kind in ADVICE}
    if wrong:
        worst = max(wrong, key=lambda kind: wrong[kind])
        said.append(f"Most were lost like this: {LOSSES[worst]} ({wrong[worst]:,}). {ADVICE[worst]}")
    if "seconds p50" in figures:
        p50, p95 = figures["seconds p50"].value, figures["seconds p95"].value
        said.append(f"A question took {p50 * 1000:,.0f} ms (median), {p95 * 1000:,.0f} ms at the slowest twentieth.")
    return said


def _plots(evaluation: Evaluation) -> list[tuple[str, str]]:
    """(caption, SVG) of each plot there are figures for."""
    import matplotlib as mpl

    mpl.use("svg")
    plots = []
    ranks = [name for name in RETRIEVAL if name.startswith("R@") and name in evaluation.figures]
    if ranks:
        plots.append(("Paragraph among the first k hits", _drawn(lambda axes: _hits(axes, evaluation, ranks))))
    truth, confidence, right = outcomes(evaluation.rows)
    if len(truth) > 1:
        drawn = _drawn(lambda axes: _risk(axes, evaluation, confidence, right))
        plots.append(("Wrong answers among the most confident", drawn))
    if truth.any() and not truth.all():
        drawn = _drawn(lambda axes: _confidences(axes, evaluation, truth, confidence))
        plots.append(("Confidence of questions with and without an answer", drawn))
    plots.append(("Time per question", _drawn(lambda axes: _times(axes, evaluation))))
    return plots


def _drawn(draw: Any) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.0), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    draw(axes)
    file = io.StringIO()
    # No date and fixed ids: the same figures make the same page.
    with _style():
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    return file.getvalue()[file.getvalue().index("<svg") :]


def _style() -> Any:
    import matplotlib as mpl

    return mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "rag"})


def _hits(axes: Axes, evaluation: Evaluation, ranks: list[str]) -> None:
    figures = [evaluation.figures[name] for name in ranks]
    values = np.array([figure.value for figure in figures])
    reach = np.array([[f.value - f.low for f in figures], [f.high - f.value for f in figures]])
    axes.bar([name.removeprefix("R@") for name in ranks], values, color="#4e79a7", width=0.6)
    axes.errorbar(range(len(ranks)), values, yerr=np.nan_to_num(reach), fmt="none", ecolor="#333", capsize=4)
    axes.set(ylim=(0, 1.02), xlabel="k", ylabel="share of questions")


def _risk(axes: Axes, evaluation: Evaluation, confidence: np.ndarray, right: np.ndarray) -> None:
    risk = risk_coverage(confidence, right)
    coverage = np.arange(1, len(risk) + 1) / len(risk)
    axes.plot(coverage, risk, color="#4e79a7")
    answered = int((confidence >= evaluation.threshold).sum())
    if answered:
        axes.plot(coverage[answered - 1], risk[answered - 1], "o", color="#e15759")
        axes.annotate(
            f"threshold {evaluation.threshold:g}", (coverage[answered - 1], risk[answered - 1]), (6, -12),
            textcoords="offset points",
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="share of questions answered", ylabel="share answered wrongly")


def _confidences(axes: Axes, evaluation: Evaluation, truth: np.ndarray, confidence: np.ndarray) -> None:
    bins = [i / 20 for i in range(21)]
    for of, label, colour in ((truth, "answered by the articles", "#4e79a7"), (~truth, "not", "#e15759")):
        axes.hist(
            confidence[of], bins=bins, weights=np.full(of.sum(), 1 / of.sum()), alpha=0.6, label=label, color=colour
        )
    axes.axvline(evaluation.threshold, color="#333", linestyle="--", linewidth=1)
    axes.legend(frameon=False)
    axes.set(xlabel="confidence", ylabel="share")


def _times(axes: Axes, evaluation: Evaluation) -> None:
    milliseconds = np.sort([row["values"]["seconds"] * 1000 for row in evaluation.rows])
    axes.plot(milliseconds, np.arange(1, len(milliseconds) + 1) / len(milliseconds), color="#4e79a7")
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="milliseconds", ylabel="share of questions done")
