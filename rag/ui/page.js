// Runs once for the conversation and once for the reader: buttons that name a place open it beside
// the conversation, those that judge an answer tell so.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.close) trigger("shut", {});
  else if (button.dataset.judged) trigger("judge", { ...button.dataset });
  else if (button.dataset.turn) trigger("show", { ...button.dataset });
});
const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
const settle = () => {
  const marked = element.querySelector("mark");
  if (marked) {
    const text = marked.closest(".reader");
    const top = marked.getBoundingClientRect().top - text.getBoundingClientRect().top + text.scrollTop;
    text.scrollTo({ top: top - text.clientHeight / 3, behavior });
    element.querySelector(".close").focus({ preventScroll: true });
    return;
  }
  const last = element.querySelector(".turn:last-child");
  if (last) last.scrollIntoView({ block: "nearest", behavior });
};
// The new text is in the page, and the reader has its height, only after the next frames.
watch("value", () => setTimeout(settle, 120));
setTimeout(settle, 120);
